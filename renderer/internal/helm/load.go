package helm

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/tree"
)

// Limits of a chart, so that a hostile one ends in an error and not in the worker's death.
const (
	maxFiles = 20_000
	maxBytes = 100 << 20
	maxDepth = 64
)

// loadedChart is a chart and where it came from.
type loadedChart struct {
	location string // the directory, or the archive, in the tree
	archive  bool
	chart    *chart.Chart
	files    []*archive.BufferedFile
}

// directory is where values files are looked for.
func (l *loadedChart) directory() string {
	if l.archive {
		return strings.TrimPrefix(path.Dir("/"+l.location), "/")
	}
	return l.location
}

// load reads the chart at a path of the tree: a directory or a .tgz.
func load(view *tree.View, location string) (*loadedChart, error) {
	node, err := view.Stat(location)
	if err != nil {
		return nil, notFound(err, location)
	}
	loaded := &loadedChart{location: node.Path, archive: node.IsFile()}
	if loaded.archive {
		loaded.files, err = unpack(view, node.Path)
	} else {
		loaded.files, err = gather(view, node.Path)
	}
	if err != nil {
		return nil, err
	}
	if err := checkArchives(loaded); err != nil {
		return nil, err
	}
	return loaded, loaded.parse()
}

func notFound(err error, location string) error {
	if err == tree.ErrAbsent {
		return failure.New(failure.Source, location, "there is no such chart in the repository")
	}
	return err
}

// parse hands the files to Helm. The loader renames the files of subcharts, so it gets copies.
func (l *loadedChart) parse() error {
	copies := make([]*archive.BufferedFile, len(l.files))
	for index, file := range l.files {
		duplicate := *file
		copies[index] = &duplicate
	}
	parsed, err := loader.LoadFiles(copies)
	if err != nil {
		return l.explainLoading(err)
	}
	sortDependencies(parsed)
	l.chart = parsed
	return nil
}

func unpack(view *tree.View, location string) ([]*archive.BufferedFile, error) {
	content, err := view.ReadFile(location)
	if err != nil {
		return nil, err
	}
	if err := checkArchive(content, location); err != nil {
		return nil, err
	}
	files, err := archive.LoadArchiveFiles(bytes.NewReader(content))
	if err != nil {
		return nil, failure.New(failure.Render, location, "is not a sound chart archive: %s", err)
	}
	return files, nil
}

// gatherer walks a chart's directory as Helm's loader does.
type gatherer struct {
	view  *tree.View
	root  string
	rules *ignore.Rules
	files []*archive.BufferedFile
	bytes int
}

func gather(view *tree.View, root string) ([]*archive.BufferedFile, error) {
	walk := &gatherer{view: view, root: root}
	if err := walk.readRules(); err != nil {
		return nil, err
	}
	if err := walk.readAhead(); err != nil {
		return nil, err
	}
	err := walk.directory("", 0)
	return walk.files, err
}

// readAhead asks for everything that will be read, one question for each level of directories. Links are left to the walk.
func (g *gatherer) readAhead() error {
	level := map[string][]tree.Entry{}
	entries, _, err := g.view.ReadDir(g.root)
	if err != nil {
		return err
	}
	level[""] = entries
	for range maxDepth {
		var wanted []tree.Entry
		deeper := map[string]tree.Entry{}
		for below, entries := range level {
			for _, entry := range g.wanted(entries, below) {
				wanted = append(wanted, entry)
				if entry.Class == tree.Directory {
					deeper[path.Join(below, entry.Name)] = entry
				}
			}
		}
		if err := g.view.Prefetch(wanted); err != nil || len(deeper) == 0 {
			return err
		}
		level = map[string][]tree.Entry{}
		for below, entry := range deeper {
			level[below] = g.view.Known(entry.OID)
		}
	}
	return nil
}

// readRules reads .helmignore, if there is one; the listing of the root witnesses its absence.
func (g *gatherer) readRules() error {
	entries, _, err := g.view.ReadDir(g.root)
	if err != nil {
		return err
	}
	g.rules = ignore.Empty()
	for _, entry := range entries {
		if entry.Name != ignore.HelmIgnore {
			continue
		}
		name := path.Join(g.root, entry.Name)
		content, err := g.view.ReadFile(name)
		if err != nil {
			return err
		}
		if g.rules, err = ignore.Parse(bytes.NewReader(content)); err != nil {
			return failure.New(failure.Render, name, "is not a list of patterns that Helm knows: %s", err)
		}
	}
	g.rules.AddDefaults()
	return nil
}

func (g *gatherer) directory(below string, depth int) error {
	if depth > maxDepth {
		return failure.New(failure.Limit, path.Join(g.root, below), "is nested deeper than %d directories; is a link leading in a circle?", maxDepth)
	}
	entries, _, err := g.view.ReadDir(path.Join(g.root, below))
	if err != nil {
		return err
	}
	for _, entry := range g.wanted(entries, below) {
		if err := g.entry(entry, path.Join(below, entry.Name), depth); err != nil {
			return err
		}
	}
	return nil
}

// wanted leaves out what .helmignore names. A link is judged when it has been followed.
func (g *gatherer) wanted(entries []tree.Entry, below string) []tree.Entry {
	var wanted []tree.Entry
	for _, entry := range entries {
		ignored := entry.Class != tree.Link && g.rules.Ignore(path.Join(below, entry.Name), info(entry))
		if !ignored && entry.Class != tree.Submodule {
			wanted = append(wanted, entry)
		}
	}
	return wanted
}

func (g *gatherer) entry(entry tree.Entry, relative string, depth int) error {
	if entry.Class == tree.Link {
		// The link may be ignored under its own name, be it a file or a directory: then it is not followed.
		file, directory := info(tree.Entry{Class: tree.File, Name: entry.Name}), info(tree.Entry{Class: tree.Directory, Name: entry.Name})
		if g.rules.Ignore(relative, file) && g.rules.Ignore(relative, directory) {
			return nil
		}
		node, err := g.view.Stat(path.Join(g.root, relative))
		if err == tree.ErrAbsent {
			return failure.New(failure.Source, path.Join(g.root, relative), "is a symbolic link to nothing")
		}
		if err != nil {
			return err
		}
		if entry.Class = node.Class; g.rules.Ignore(relative, info(entry)) {
			return nil
		}
	}
	if entry.Class == tree.Directory {
		return g.directory(relative, depth+1)
	}
	return g.file(relative)
}

func (g *gatherer) file(relative string) error {
	content, err := g.view.ReadFile(path.Join(g.root, relative))
	if err != nil {
		return err
	}
	g.bytes += len(content)
	if g.bytes > maxBytes || len(g.files) == maxFiles {
		return failure.New(failure.Limit, g.root, "this chart has more than %d files or %d MiB; keep out what it does not need with .helmignore", maxFiles, maxBytes>>20)
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	g.files = append(g.files, &archive.BufferedFile{Name: relative, Data: content})
	return nil
}

// fileInfo is as much of a file's description as .helmignore asks for.
type fileInfo struct{ entry tree.Entry }

func info(entry tree.Entry) fs.FileInfo { return fileInfo{entry} }

func (f fileInfo) Name() string       { return f.entry.Name }
func (f fileInfo) Size() int64        { return 0 }
func (f fileInfo) ModTime() time.Time { return time.Time{} }
func (f fileInfo) IsDir() bool        { return f.entry.Class == tree.Directory }
func (f fileInfo) Sys() any           { return nil }

func (f fileInfo) Mode() fs.FileMode {
	if f.IsDir() {
		return fs.ModeDir
	}
	return 0
}
