"""A report in one file: frames to sections as plain data, sections to HTML, PDF or Markdown."""
