package worker

import (
	"path"
	"strings"
	"testing"

	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/treetest"
)

// TestOutputChangesOnlyWithARead is the contract of the read set: whatever is changed in the tree, if the
// result differs then some read of the old result no longer holds, and the other way round (an error's
// reads must wake the application once the file is mended).
func TestOutputChangesOnlyWithARead(t *testing.T) {
	for _, sample := range samples {
		t.Run(sample.name, func(t *testing.T) {
			s := newSession(t)
			before := s.render(sample.files, sample.request)
			if before.OK == (sample.name == "nothing there") {
				t.Fatalf("the sample itself renders to %s", before.fingerprint())
			}
			mustHold(t, before.Reads, sample.files)
			changes := 0
			for what, files := range variants(sample.files, before.Reads) {
				after := s.render(files, sample.request)
				mustHold(t, after.Reads, files)
				if before.fingerprint() == after.fingerprint() {
					continue
				}
				changes++
				if allHold(before.Reads, files) {
					t.Errorf("%s: the result changed and every read still holds:\n%s\n%s", what, before.fingerprint(), after.fingerprint())
				}
				if allHold(after.Reads, sample.files) {
					t.Errorf("%s: the way back would not be noticed: %v", what, after.Reads)
				}
			}
			if changes < 2 {
				t.Errorf("only %d changes showed in the result: this test proves nothing", changes)
			}
		})
	}
}

// variants changes each file in turn, takes it away, makes it a directory, a link, and puts new files into every
// directory and at every path that was found absent.
func variants(files treetest.Files, reads []protocol.Read) map[string]treetest.Files {
	all := map[string]treetest.Files{}
	directories := map[string]bool{"": true}
	for name, content := range files {
		changed := strings.NewReplacer("1", "7", "2", "8", "name: ", "name: z", "-> ", "-> z").Replace(content)
		all["change "+name] = files.With(treetest.Files{name: changed + " "})
		all["spoil "+name] = files.With(treetest.Files{name: "{{ [ spoilt"})
		all["empty "+name] = files.With(treetest.Files{name: ""})
		all["remove "+name] = files.Without(name)
		all["make a directory of "+name] = files.Without(name).With(treetest.Files{name + "/inside.yaml": named("inside")})
		all["move and link "+name] = files.With(treetest.Files{"moved/file.yaml": content, name: "-> " + strings.Repeat("../", strings.Count(name, "/")) + "moved/file.yaml"})
		for directory := path.Dir(name); directory != "."; directory = path.Dir(directory) {
			directories[directory+"/"] = true
		}
	}
	for directory := range directories {
		for _, added := range []string{"new.yaml", "Chart.yaml", "kustomization.yaml", "Kustomization", "main.jsonnet", ".helmignore", "maybe.yaml", "k.libsonnet", "templates/new.yaml"} {
			name := directory + added
			if _, there := files[name]; !there {
				all["add "+name] = files.With(treetest.Files{name: named("new")})
			}
		}
	}
	for _, read := range reads {
		if read[0] == "a" {
			all["fill "+read[1]] = files.With(treetest.Files{read[1]: named("filled")})
			all["fill with a directory "+read[1]] = files.With(treetest.Files{read[1] + "/a.yaml": named("filled")})
		}
	}
	return all
}

func allHold(reads []protocol.Read, files treetest.Files) bool {
	for _, read := range reads {
		if !treetest.Holds(read, files) {
			return false
		}
	}
	return true
}

func mustHold(t *testing.T, reads []protocol.Read, files treetest.Files) {
	t.Helper()
	if len(reads) == 0 {
		t.Errorf("a result without reads depends on nothing, which cannot be")
	}
	for _, read := range reads {
		if !treetest.Holds(read, files) {
			t.Errorf("read %v does not hold in the tree it was made from", read)
		}
	}
}

// TestUnreadFilesAreNotInTheSet keeps the set from being right by being everything.
func TestUnreadFilesAreNotInTheSet(t *testing.T) {
	unread := map[string][]string{
		"plain":     {"app/readme.md", "app/deeper/d.yaml", "other/m.yaml"},
		"kustomize": {"base/unused.yaml"},
		"helm":      {"charts/app/templates/a.bak", "charts/app/ignored/i.txt", "env/c.txt", "elsewhere.txt"},
		"jsonnet":   {"app/other.jsonnet", "library/unused.libsonnet"},
	}
	for _, sample := range samples {
		outcome := newSession(t).render(sample.files, sample.request)
		for _, read := range outcome.Reads {
			for _, name := range unread[sample.name] {
				if read[1] == name {
					t.Errorf("%s: %s is in the read set and was not needed", sample.name, name)
				}
			}
		}
	}
}
