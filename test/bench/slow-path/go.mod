module rciots.dev/test/slow-path

go 1.21
