package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"

	"trimtab.dev/renderer/internal/failure"
)

// checkArchives looks at the archives in a chart's charts/ folder before Helm unpacks them.
func checkArchives(loaded *loadedChart) error {
	for _, file := range loaded.files {
		if strings.HasPrefix(file.Name, "charts/") && path.Ext(file.Name) == ".tgz" {
			if err := checkArchive(file.Data, loaded.file(file.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkArchive reads a chart archive's headers and sizes as a stream, and refuses what a chart never holds:
// links, devices, paths that climb out, more files or bytes than any chart has.
func checkArchive(content []byte, location string) error {
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return failure.New(failure.Render, location, "is not a chart archive (gzip): %s", err)
	}
	members := tar.NewReader(io.LimitReader(unzipped, maxBytes+1<<20))
	var total int64
	for count := 0; ; count++ {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return failure.New(failure.Render, location, "is not a sound chart archive, or unpacks to more than %d MiB: %s", maxBytes>>20, err)
		}
		if count == maxFiles {
			return failure.New(failure.Limit, location, "holds more than %d files", maxFiles)
		}
		if total += header.Size; total > maxBytes {
			return failure.New(failure.Limit, location, "unpacks to more than %d MiB", maxBytes>>20)
		}
		if err := checkMember(header, location); err != nil {
			return err
		}
	}
}

func checkMember(header *tar.Header, location string) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeXHeader, tar.TypeXGlobalHeader:
	default:
		return failure.New(failure.Render, location, "holds %q, which is a link or a device; a chart archive has only files", header.Name)
	}
	name := strings.ReplaceAll(header.Name, `\`, "/")
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return failure.New(failure.Render, location, "holds %q, which climbs out of the archive", header.Name)
		}
	}
	if strings.HasPrefix(name, "/") {
		return failure.New(failure.Render, location, "holds %q, which is an absolute path", header.Name)
	}
	return nil
}
