package worker

import (
	"fmt"
	"testing"

	"trimtab.dev/renderer/internal/treetest"
)

// BenchmarkRender renders each sample again and again in one warm worker, pipe and JSON of the frames included.
func BenchmarkRender(b *testing.B) {
	four := treetest.Files{}
	for index := range 4 {
		four[fmt.Sprintf("app/%d.yaml", index)] = named(fmt.Sprint("c", index))
	}
	ten := treetest.Files{"base/kustomization.yaml": "resources:\n", "app/kustomization.yaml": "resources: [../base]\nnamePrefix: p-\nimages: [{name: example.com/web, newTag: '2'}]\n"}
	for index := range 10 {
		ten["base/kustomization.yaml"] += fmt.Sprintf("- %d.yaml\n", index)
		ten[fmt.Sprintf("base/%d.yaml", index)] = named(fmt.Sprint("c", index))
	}
	for _, each := range append(samples, sample{"four plain objects", request{Path: "app"}, four}, sample{"overlay of ten", request{Path: "app"}, ten}) {
		b.Run(each.name, func(b *testing.B) {
			s := newSession(b)
			for b.Loop() {
				s.render(each.files, each.request)
			}
		})
	}
}
