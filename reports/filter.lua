-- For every renderer: title and language of the page come from the report's own div .page-facts.
-- Without Quarto: figures and tables (divs #fig-… and #tbl-…) get numbers, and @fig-… and @tbl-… lead there.

local has_quarto = quarto ~= nil
local words = { fig = "Figure", tbl = "Table" }
local numbers = {}
local counts = { fig = 0, tbl = 0 }

local function kind_of(id)
  return id:match("^(fig)%-") or id:match("^(tbl)%-")
end

local function read_page_facts(doc)
  local meta = doc.meta
  doc.blocks = doc.blocks:walk({
    Div = function(div)
      if not div.classes:includes("page-facts") then return nil end
      local facts = div.attributes
      words.fig, words.tbl = facts.figure, facts.table
      meta.lang = facts.lang
      meta.pagetitle = facts.title
      meta["contents-label"] = facts.contents
      meta["skip-label"] = facts.skip
      return {}
    end,
  })
end

local function label(id)
  return words[kind_of(id)] .. "\u{a0}" .. numbers[id]
end

local function count(doc)
  doc.blocks:walk({
    traverse = "topdown",
    Div = function(div)
      local kind = kind_of(div.identifier)
      if kind and not numbers[div.identifier] then
        counts[kind] = counts[kind] + 1
        numbers[div.identifier] = counts[kind]
      end
    end,
  })
end

-- The last paragraph of such a div is its caption: above a table, below a figure, as Quarto places it.
local function float(div)
  local kind = kind_of(div.identifier)
  if not kind then return nil end
  local content = div.content
  local caption = content[#content]
  content:remove(#content)
  local text = pandoc.Inlines({ pandoc.Str(label(div.identifier) .. ":"), pandoc.Space() })
  text:extend(caption.content)
  local written = pandoc.List({
    pandoc.RawBlock("html", "<figcaption>"),
    pandoc.Plain(text),
    pandoc.RawBlock("html", "</figcaption>"),
  })
  local blocks = pandoc.List({ pandoc.RawBlock("html", "<figure>") })
  if kind == "tbl" then blocks:extend(written) end
  blocks:extend(content)
  if kind == "fig" then blocks:extend(written) end
  blocks:insert(pandoc.RawBlock("html", "</figure>"))
  div.content = blocks
  return div
end

local function reference(cite)
  local id = cite.citations[1].id
  if #cite.citations ~= 1 or not numbers[id] then return nil end
  return pandoc.Link(label(id), "#" .. id)
end

-- Quarto drops the description of an image inside a figure, unless it stands in this attribute.
local function keep_description(image)
  image.attributes["fig-alt"] = pandoc.utils.stringify(image.caption)
  return image
end

function Pandoc(doc)
  read_page_facts(doc)
  if has_quarto then
    doc.blocks = doc.blocks:walk({ Image = keep_description })
  else
    count(doc)
    doc.blocks = doc.blocks:walk({ Cite = reference }):walk({ Div = float })
  end
  return doc
end
