"""The gallery: photos that were embedded once, kept on disk and searched by sentence."""
