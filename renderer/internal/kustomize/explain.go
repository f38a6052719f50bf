package kustomize

import (
	"bytes"
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"

	"trimtab.dev/renderer/internal/failure"
)

// explain prefers what we know better than Kustomize, then puts its long chains into a sentence with a place.
func (f *files) explain(err error, directory string) error {
	if f.failed != nil {
		return f.failed
	}
	var known *failure.Failure
	if errors.As(err, &known) {
		return known
	}
	text := strings.NewReplacer(root+"/", "", root, ".", overlayDirectory, "the application's parameters").Replace(err.Error())
	for _, rule := range rules {
		if match := rule.pattern.FindStringSubmatch(text); match != nil {
			return rule.explain(f, match, f.innermostKustomization(text, directory)).WithDetail(text)
		}
	}
	return failure.New(failure.Render, f.innermostKustomization(text, directory), "%s", innermost(text)).WithDetail(text)
}

// rules know the errors that people meet most, by Kustomize's wording (api v0.21); the first that matches counts.
var rules = []struct {
	pattern *regexp.Regexp
	explain func(f *files, match []string, kustomization string) *failure.Failure
}{
	{regexp.MustCompile(`no 'git' program|` + refusal), func(_ *files, _ []string, kustomization string) *failure.Failure {
		return failure.New(failure.Unsupported, kustomization, "a remote base or file is not fetched yet; vendor it into the repository")
	}},
	{regexp.MustCompile(`external plugins disabled|--enable-helm|--enable-exec`), func(_ *files, _ []string, kustomization string) *failure.Failure {
		return failure.New(failure.Unsupported, kustomization, "plug-ins of Kustomize (exec, containers, generators outside it) are not run; render their output into the repository")
	}},
	{regexp.MustCompile(`(unable to find one of .*) in directory '([^']*)'`), func(_ *files, match []string, _ string) *failure.Failure {
		return failure.New(failure.Source, match[2], "%s in this directory", match[1])
	}},
	{regexp.MustCompile(`invalid Kustomization: .*?line (\d+): (.*)`), func(_ *files, match []string, kustomization string) *failure.Failure {
		return failure.New(failure.Render, kustomization, "is not valid YAML: %s", match[2]).At(number(match[1]), 0)
	}},
	{regexp.MustCompile(`MalformedYAMLError: yaml: line (\d+): (.*) in File: (\S+)`), func(_ *files, match []string, kustomization string) *failure.Failure {
		return failure.New(failure.Render, path.Join(path.Dir(kustomization), match[3]), "is not valid YAML: %s", match[2]).At(number(match[1]), 0)
	}},
	{regexp.MustCompile(`open (\S+): file does not exist[^:]*$`), func(f *files, match []string, kustomization string) *failure.Failure {
		return failure.New(failure.Source, kustomization, "names %s, which does not exist", match[1]).At(f.lineNaming(kustomization, path.Base(match[1])), 0)
	}},
	{regexp.MustCompile(`resources from '([^']+)': may not add resource with an already registered id: ([^\s']+)`), func(f *files, match []string, kustomization string) *failure.Failure {
		return failure.New(failure.Render, kustomization, "%s defines %s, which another resource has defined already", match[1], plainID(match[2])).At(f.lineNaming(kustomization, path.Base(match[1])), 0)
	}},
	{regexp.MustCompile(`no resource matches strategic merge patch "([^"]+)"`), func(_ *files, match []string, kustomization string) *failure.Failure {
		return failure.New(failure.Render, kustomization, "has a patch for %s, and no resource of that kind and name", plainID(match[1]))
	}},
}

// plainID turns Kustomize's "Deployment.v1.apps/web.[noNs]" into "Deployment.v1.apps/web".
func plainID(id string) string {
	return strings.NewReplacer(".[noNs]", "", ".[noGrp]", "").Replace(id)
}

func number(text string) int {
	value, _ := strconv.Atoi(text)
	return value
}

var nestedPath = regexp.MustCompile(`(?:accumulation of|make target for|merging from) path '([^']*)'`)

// innermostKustomization is the file of the last directory that an error names, else the application's.
func (f *files) innermostKustomization(text, directory string) string {
	nested := nestedPath.FindAllStringSubmatch(text, -1)
	if len(nested) > 0 {
		directory = nested[len(nested)-1][1]
	}
	return f.kustomization(directory)
}

// lineNaming finds the line of a kustomization file that mentions a name; 0 if none does.
func (f *files) lineNaming(kustomization, name string) int {
	line := 0
	for text := range bytes.SplitSeq(f.rewritten[path.Join(root, kustomization)], []byte("\n")) {
		line++
		if bytes.Contains(text, []byte(name)) {
			return line
		}
	}
	return 0
}

// innermost leaves out the "accumulating resources: accumulation err=…" in front of the cause.
func innermost(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\n", " "))
	for _, wrapping := range []string{"accumulating resources: ", "accumulating components: "} {
		for strings.HasPrefix(text, wrapping) {
			text = strings.TrimPrefix(text, wrapping)
		}
	}
	if _, cause, found := strings.Cut(text, "accumulation err='"); found {
		text = strings.Replace(cause, "': ", "; ", 1)
	}
	return text
}
