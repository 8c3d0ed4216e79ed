-- One document, two languages: of the divs {lang=en} and {lang=es} the one in the page's language is kept. Which that is
-- says the div .page-language that the document writes from its parameter, or else the metadata `lang`. The same in
-- Quarto, R Markdown and plain pandoc.

function Pandoc(doc)
  local language = doc.meta.lang and pandoc.utils.stringify(doc.meta.lang) or "en"
  doc.blocks:walk({
    Div = function(div)
      if div.classes:includes("page-language") then language = div.attributes.language end
    end,
  })
  local title
  doc.blocks = doc.blocks:walk({
    Div = function(div)
      if div.classes:includes("page-language") then return {} end
      if not div.attributes.lang then return nil end
      return div.attributes.lang == language and div.content or {}
    end,
  })
  doc.blocks:walk({
    Header = function(header)
      if header.level == 1 and not title then title = pandoc.utils.stringify(header) end
    end,
  })
  doc.meta.lang = language
  doc.meta.pagetitle = title or doc.meta.pagetitle
  return doc
end
