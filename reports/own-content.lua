-- Nothing but the report's own text and files: no raw markup, scripts, or pictures and styles of other files.
-- A card that was edited may have raw HTML, pictures of other files and attributes with scripts.
local own_folder = "^[%w-]+_files/[%w_./-]+$"

local function only_text(raw)
  return pandoc.Str(raw.text)
end

local function own_picture(image)
  if image.src:match(own_folder) and not image.src:find("..", 1, true) then return nil end
  return image.caption
end

local function safe_link(link)
  local scheme = link.target:lower():match("^%s*(%a[%w+.-]*):")
  if link.target:match("^#") or scheme == "https" or scheme == "http" or scheme == "mailto" then return nil end
  return link.content
end

local foreign = { src = true, srcset = true, href = true, style = true }

local function safe_attributes(element)
  for name in pairs(element.attributes) do
    local lower = name:lower()
    local width = lower == "style" and element.attributes[name]:match("^%-%-inches: [%d.]+$")
    if lower:match("^on") or foreign[lower] and not width then
      element.attributes[name] = nil
    end
  end
  return element
end

local function literal(span)
  if span.classes:includes("literal") then return pandoc.Code(pandoc.utils.stringify(span)) end
end

function Pandoc(doc)
  doc.blocks = doc.blocks
    :walk({ RawInline = only_text, RawBlock = function(raw) return pandoc.Para(only_text(raw)) end })
    :walk({ Image = own_picture, Link = safe_link })
    :walk({ Div = safe_attributes, Span = safe_attributes, Header = safe_attributes, CodeBlock = safe_attributes,
            Code = safe_attributes, Link = safe_attributes, Image = safe_attributes })
    :walk({ Span = literal })
  return doc
end
