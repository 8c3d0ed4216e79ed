-- For every renderer: title and language of the page come from the report's own div .page-facts; tabs, pictures in rows
-- and notices become what the format has for them.
-- own-content.lua runs before it and leaves no markup of others.
-- Without Quarto: figures and tables (divs #fig-… and #tbl-…) get numbers, and @fig-… and @tbl-… lead there.

local has_quarto = quarto ~= nil
local is_html = FORMAT:match("html") ~= nil
-- Formats that set the title and the author of a document themselves.
local titled = FORMAT == "docx" or (FORMAT == "typst" and not has_quarto)
local words = { fig = "Figure", tbl = "Table" }
local numbers = {}
local counts = { fig = 0, tbl = 0 }
local tabs_so_far = 0

local function kind_of(id)
  return id:match("^(fig)%-") or id:match("^(tbl)%-")
end

local function html(text)
  return pandoc.RawBlock("html", text)
end

local function escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub('"', "&quot;"))
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
      meta.layout = facts.layout
      if titled then
        meta.title, meta.author = facts.title, "placa"
      elseif FORMAT == "typst" then
        -- Quarto would print this title over the report's own.
        local title = facts.title:gsub('[\\"]', "\\%0")
        return pandoc.RawBlock("typst", string.format('#set document(title: "%s", author: "placa")', title))
      end
      return {}
    end,
  })
end

-- --- figures, tables and references, where Quarto does not do them ---------------------------------------------

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
  local written = pandoc.List({ pandoc.Div(pandoc.Para(text), pandoc.Attr("", {}, { ["custom-style"] = "Caption" })) })
  if kind == "tbl" and FORMAT == "typst" then
    -- The caption stays with its table.
    written:insert(1, pandoc.RawBlock("typst", "#block(sticky: true)["))
    written:insert(pandoc.RawBlock("typst", "]"))
  end
  local blocks = pandoc.List({})
  if is_html then
    -- Chromium does not name a figure or a table by its figcaption, so both refer to it.
    local id = div.identifier .. "-caption"
    written = pandoc.List({ html('<figcaption id="' .. id .. '">'), pandoc.Plain(text), html("</figcaption>") })
    blocks:insert(html('<figure aria-labelledby="' .. id .. '">'))
    content = content:walk({ Table = function(table)
      table.attributes["aria-labelledby"] = id
      return table
    end })
  end
  if kind == "tbl" then blocks:extend(written) end
  blocks:extend(content)
  if kind == "fig" then blocks:extend(written) end
  if is_html then blocks:insert(html("</figure>")) end
  div.content = blocks
  -- Text fills the rest of a page whose next figure does not fit.
  if FORMAT == "typst" and div.classes:includes("plot") then
    return { pandoc.RawBlock("typst", "#place(auto, float: true, clearance: 1em)["), div, pandoc.RawBlock("typst", "]") }
  end
  return div
end

local function reference(cite)
  local id = cite.citations[1].id
  if #cite.citations ~= 1 or not numbers[id] then return nil end
  return pandoc.Link(label(id), "#" .. id)
end

-- Quarto writes the caption itself, so the table has the words of its caption as a name. Newer versions give filters a
-- float without its identifier; its caption is the last block there, too.
local function name_tables(div)
  local is_float = kind_of(div.identifier) == "tbl" or div.attributes["__quarto_custom_type"] == "FloatRefTarget"
  if not is_html or not is_float then return nil end
  local name = pandoc.utils.stringify(div.content[#div.content])
  return div:walk({ Table = function(table)
    table.attributes["aria-label"] = name
    return table
  end })
end

-- Quarto drops the description of an image inside a figure, unless it stands in this attribute.
local function keep_description(image)
  image.attributes["fig-alt"] = pandoc.utils.stringify(image.caption)
  return image
end

-- --- tabs: buttons on a page that a script makes work, else a title over each ------------------------------------

local function tabs_on_a_page(div)
  tabs_so_far = tabs_so_far + 1
  local buttons = { '<div role="tablist" aria-label="' .. escape(div.attributes.label or "") .. '">' }
  local panels = pandoc.List({})
  for number, tab in ipairs(div.content) do
    local id = "tab-" .. tabs_so_far .. "-" .. number
    local title = escape(tab.attributes.title)
    local chosen = number == 1
    table.insert(buttons, string.format(
      '<button type="button" role="tab" id="%s" aria-controls="%s-panel" aria-selected="%s" tabindex="%d">%s</button>',
      id, id, tostring(chosen), chosen and 0 or -1, title))
    panels:insert(html(string.format(
      '<div role="tabpanel" id="%s-panel" aria-labelledby="%s" tabindex="0"><p class="tab-title" aria-hidden="true">%s</p>',
      id, id, title)))
    panels:extend(tab.content:walk({ Table = function(table)
      table.attributes["aria-labelledby"] = id
      return table
    end }))
    panels:insert(html("</div>"))
  end
  table.insert(buttons, "</div>")
  local blocks = pandoc.List({ html(table.concat(buttons)) })
  blocks:extend(panels)
  return pandoc.Div(blocks, pandoc.Attr("", { "tabs" }))
end

local function tabs(div)
  if not div.classes:includes("tabs") or not div.attributes.label then return nil end
  if is_html then return tabs_on_a_page(div) end
  -- Fourteen findings would fill fifty pages, so paper has the first.
  local tab = div.content[1]
  local blocks = pandoc.List({ pandoc.Para(pandoc.Strong(tab.attributes.title)) })
  blocks:extend(tab.content)
  return blocks
end

-- --- parts that a reader opens: details on a page; elsewhere, those of many findings are left out ------------------

local function fold(div)
  if not div.classes:includes("fold") then return nil end
  local summary = div.attributes.summary or ""
  if not is_html then
    if div.classes:includes("screen") then return {} end
    local blocks = pandoc.List({ pandoc.Para(pandoc.Strong(summary)) })
    blocks:extend(div.content)
    return blocks
  end
  local class = div.classes:includes("screen") and "fold screen" or "fold"
  local blocks = pandoc.List({ html(string.format('<details id="%s" class="%s"><summary>%s</summary>',
    div.identifier, class, escape(summary))) })
  blocks:extend(div.content)
  blocks:insert(html("</details>"))
  return blocks
end

-- --- for paper and word processors: pictures in a table, notices as callouts --------------------------------------

local function pictures_in_rows(div)
  if is_html or not div.classes:includes("films") then return nil end
  local across = div.classes:includes("pairs") and 2 or 4
  -- A word processor takes a share of the page, not of the cell.
  local width = FORMAT == "docx" and (across == 2 and "2.9in" or "1.35in") or "100%"
  local rows, row = {}, {}
  div:walk({
    Span = function(span)
      if not span.classes:includes("film") then return nil end
      local cell = pandoc.List({})
      span:walk({ Image = function(image) image.attributes.width = width; cell:insert(pandoc.Plain(image)) end })
      local text = span.content:filter(function(inline) return inline.t == "Span" end)
      cell:insert(pandoc.Plain(pandoc.Inlines({ text[1], pandoc.Space(), text[2] })))
      if text[3] then cell:insert(pandoc.Plain(text[3])) end
      table.insert(row, cell)
      if #row == across then
        table.insert(rows, row)
        row = {}
      end
    end,
  })
  while #row > 0 and #row < across do table.insert(row, {}) end
  if #row > 0 then table.insert(rows, row) end
  local aligns, widths, heads = {}, {}, {}
  for i = 1, across do
    aligns[i], widths[i], heads[i] = pandoc.AlignLeft, 1 / across, {}
  end
  return pandoc.utils.from_simple_table(pandoc.SimpleTable({}, aligns, widths, heads, rows))
end

-- pandoc guesses widths of columns from the length of the source's lines; paper is better off without.
local function free_columns(table)
  for i, column in ipairs(table.colspecs) do
    table.colspecs[i] = { column[1], nil }
  end
  return table
end

-- Pandoc drops the description of an image that is no figure of its own.
local function picture_on_paper(div)
  if not (div.classes:includes("plot") or div.classes:includes("card-plot")) then return nil end
  local width = div.classes:includes("wide") and "100%" or "60%"
  return div:walk({ Image = function(image)
    local alt = pandoc.utils.stringify(image.caption):gsub('[\\"]', "\\%0")
    return pandoc.RawInline("typst", string.format('#box(image("%s", width: %s, alt: "%s"))', image.src, width, alt))
  end })
end

-- The headline: its figure large, what it rests on in a row.
local function headline_on_paper(div)
  if not div.classes:includes("card-facts") then return nil end
  return div:walk({
    SoftBreak = function() return { pandoc.Space(), pandoc.Str("·"), pandoc.Space() } end,
  })
end

local function large(span)
  -- An item that is left open is to be seen as such.
  if span.classes:includes("todo") then
    local box = pandoc.Str("\u{2610}\u{a0}")
    -- Not every machine has a font with this box.
    if FORMAT == "typst" then box = pandoc.RawInline("typst", "#box(width: 0.6em, height: 0.6em, stroke: 0.5pt)~") end
    span.content:insert(1, box)
    return span
  end
  if not span.classes:includes("big") then return nil end
  if FORMAT ~= "typst" then return pandoc.Strong(span.content) end
  local inlines = pandoc.List({ pandoc.RawInline("typst", "#text(size: 26pt, weight: \"bold\", fill: rgb(\"#0b6e75\"))[") })
  inlines:extend(span.content)
  inlines:insert(pandoc.RawInline("typst", "]"))
  return inlines
end

-- Quarto's callouts would ask the network for a font of icons when they become a PDF, so the box is drawn here.
local function notice(div)
  if is_html or not div.classes:includes("notice") then return nil end
  local bad = div.classes:includes("bad") or div.classes:includes("use")
  if FORMAT ~= "typst" then return pandoc.BlockQuote(div.content) end
  local box = string.format('#block(width: 100%%, inset: 9pt, radius: 4pt, fill: rgb("%s"), stroke: (left: 3pt + rgb("%s")))[',
    bad and "#faece7" or "#e7f1f1", bad and "#b4472a" or "#0b6e75")
  local blocks = pandoc.List({ pandoc.RawBlock("typst", box) })
  blocks:extend(div.content)
  blocks:insert(pandoc.RawBlock("typst", "]"))
  return blocks
end

-- The model card says what the report says, without the sections that its links lead to.
local function unlink_dead_ends(blocks)
  local there = {}
  local function remember(element)
    if element.identifier ~= "" then there[element.identifier] = true end
  end
  blocks:walk({ Header = remember, Div = remember })
  return blocks:walk({
    Link = function(link)
      local id = link.target:match("^#(.+)$")
      -- Typst refuses a document with a link to the first heading, whose label Quarto takes away.
      if id and (not there[id] or (FORMAT == "typst" and id == "title")) then return link.content end
    end,
  })
end

function Pandoc(doc)
  read_page_facts(doc)
  if not is_html then doc.blocks = doc.blocks:walk({ Div = fold }) end
  doc.blocks = unlink_dead_ends(doc.blocks)
  if has_quarto then
    doc.blocks = doc.blocks:walk({ Image = keep_description }):walk({ Div = name_tables })
  else
    count(doc)
    doc.blocks = doc.blocks:walk({ Cite = reference }):walk({ Div = float })
  end
  if FORMAT == "typst" and not has_quarto then
    doc.blocks = doc.blocks:walk({ Div = picture_on_paper })
  end
  if titled then
    -- The title of the document stands at its top.
    doc.blocks = doc.blocks:walk({ Header = function(header) if header.identifier == "title" then return {} end end })
  end
  if not is_html then
    doc.blocks = doc.blocks:walk({ Table = free_columns, Span = large }):walk({ Div = headline_on_paper })
  end
  doc.blocks = doc.blocks:walk({ Div = pictures_in_rows }):walk({ Div = notice }):walk({ Div = tabs })
  if is_html then doc.blocks = doc.blocks:walk({ Div = fold }) end
  return doc
end
