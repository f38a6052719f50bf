package kustomize

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/helm"
	"trimtab.dev/renderer/internal/tree"
)

// The repository appears to Kustomize under root, so that an overlay of ours can lie beside it.
const (
	root             = "/tree"
	overlayDirectory = "/overlay"
)

// files is the read-only file system that Kustomize sees: the tree, and a few files of our own making.
type files struct {
	view          *tree.View
	environment   helm.Environment
	virtual       map[string][]byte
	rewritten     map[string][]byte // kustomization files as served, by absolute path
	failed        *failure.Failure  // the first that Kustomize may swallow
	changedSchema bool
	places        places
}

func newFiles(view *tree.View, environment helm.Environment) *files {
	return &files{view: view, environment: environment, virtual: map[string][]byte{}, rewritten: map[string][]byte{}}
}

var errReadOnly = errors.New("the tree is read-only")

// inTree gives the path below the root of the repository.
func inTree(absolute string) (string, bool) {
	below, found := strings.CutPrefix(path.Clean(absolute)+"/", root+"/")
	return strings.TrimSuffix(below, "/"), found
}

// CleanedAbs resolves links and splits a path into its directory and its file ("" for a directory).
func (f *files) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	cleaned := path.Clean(name)
	if cleaned == overlayDirectory {
		return overlayDirectory, "", nil
	}
	if _, ours := f.virtual[cleaned]; ours {
		return filesys.ConfirmedDir(path.Dir(cleaned)), path.Base(cleaned), nil
	}
	node, err := f.stat(cleaned)
	if err != nil {
		return "", "", err
	}
	real := path.Join(root, node.Path)
	if node.IsFile() {
		return filesys.ConfirmedDir(path.Dir(real)), path.Base(real), nil
	}
	return filesys.ConfirmedDir(real), "", nil
}

func (f *files) stat(absolute string) (tree.Node, error) {
	name, inside := inTree(absolute)
	if !inside {
		return tree.Node{}, &os.PathError{Op: "open", Path: absolute, Err: os.ErrNotExist}
	}
	node, err := f.view.Stat(name)
	return node, f.keepAside(err, absolute)
}

// keepAside remembers a failure that Kustomize would swallow, and turns absence into what it knows.
func (f *files) keepAside(err error, absolute string) error {
	if err == tree.ErrAbsent {
		return &os.PathError{Op: "open", Path: absolute, Err: os.ErrNotExist}
	}
	if err != nil && f.failed == nil {
		f.failed = failure.From(err)
	}
	return err
}

// ReadFile reads a file; a kustomization file is looked through, and served with its charts rendered.
func (f *files) ReadFile(name string) ([]byte, error) {
	cleaned := path.Clean(name)
	if content, ours := f.virtual[cleaned]; ours {
		return content, nil
	}
	if content, known := f.rewritten[cleaned]; known {
		return content, nil
	}
	node, err := f.stat(cleaned)
	if err != nil {
		return nil, err
	}
	if !node.IsFile() {
		return nil, &os.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	content, err := f.view.ReadPlain(node.Path)
	if err != nil {
		return nil, f.keepAside(err, cleaned)
	}
	if !slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(cleaned)) {
		f.places.learn(node.Path, content)
		return content, nil
	}
	served, err := f.serve(node.Path, content)
	f.rewritten[cleaned] = served
	return served, f.keepAside(err, cleaned)
}

// IsDir tells whether a directory is at a path.
func (f *files) IsDir(name string) bool {
	node, err := f.stat(name)
	return err == nil && node.Class == tree.Directory
}

// Exists tells whether anything is at a path.
func (f *files) Exists(name string) bool {
	if _, ours := f.virtual[path.Clean(name)]; ours {
		return true
	}
	_, err := f.stat(name)
	return err == nil
}

// The rest of filesys.FileSystem is not needed to build.

// Create refuses.
func (*files) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir refuses.
func (*files) Mkdir(string) error { return errReadOnly }

// MkdirAll refuses.
func (*files) MkdirAll(string) error { return errReadOnly }

// RemoveAll refuses.
func (*files) RemoveAll(string) error { return errReadOnly }

// Open refuses: files are read whole.
func (*files) Open(string) (filesys.File, error) { return nil, errReadOnly }

// ReadDir refuses: kustomizations name their files.
func (*files) ReadDir(string) ([]string, error) { return nil, errReadOnly }

// Glob refuses: kustomizations name their files.
func (*files) Glob(string) ([]string, error) { return nil, errReadOnly }

// WriteFile refuses.
func (*files) WriteFile(string, []byte) error { return errReadOnly }

// Walk refuses: kustomizations name their files.
func (*files) Walk(string, filepath.WalkFunc) error { return errReadOnly }

// kustomization gives the path of a directory's kustomization file, for messages.
func (f *files) kustomization(directory string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if _, read := f.rewritten[path.Join(root, directory, name)]; read {
			return path.Join(directory, name)
		}
	}
	return directory
}
