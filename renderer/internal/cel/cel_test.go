package cel

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"trimtab.dev/renderer/internal/protocol"
)

const workload = `{"self":{"metadata":{"name":"a","labels":{"x":"1"}},"spec":{"replicas":3,"big":9007199254740993,"memory":"1Gi","address":"10.0.0.7"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}},"dep":null}`

func evaluate(t *testing.T, expression string) protocol.CELValue {
	t.Helper()
	values, err := NewEvaluator().Evaluate([]protocol.CELExpression{{Expression: expression}}, json.RawMessage(workload))
	if err != nil {
		t.Fatal(err)
	}
	return values[0]
}

// TestValues: what health rules and gates ask, with the libraries of Kubernetes.
func TestValues(t *testing.T) {
	for expression, want := range map[string]string{
		`self.status.phase == 'Running'`:                                            "true",
		`self.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')`: "true",
		`self.spec.replicas + 1`:                                                    "4",
		`self.spec.replicas > 2.5`:                                                  "true",
		`self.spec.big`:                                                             "9007199254740993",
		`self.metadata.labels`:                                                      `{"x":"1"}`,
		`self.metadata.name + '-x'`:                                                 `"a-x"`,
		`dep == null`:                                                               "true",
		`has(self.status.absent)`:                                                   "false",
		`self.?status.absent.orValue('none')`:                                       `"none"`,
		`quantity(self.spec.memory).isGreaterThan(quantity('500Mi'))`:               "true",
		`ip(self.spec.address).family() == 4 && cidr('10.0.0.0/8').containsIP(self.spec.address)`: "true",
		`'a,b'.split(',')`:                             `["a","b"]`,
		`url('https://example.com/x').getHost()`:       `"example.com"`,
		`semver('1.2.3').isLessThan(semver('1.10.0'))`: "true",
	} {
		got := evaluate(t, expression)
		if encoded, _ := json.Marshal(got.Value); got.Error != "" || string(encoded) != want {
			t.Errorf("%s = %s %s, wanted %s", expression, encoded, got.Error, want)
		}
	}
}

// TestErrorsHaveKinds: a field that is not there (yet) is told apart from a wrong expression.
func TestErrorsHaveKinds(t *testing.T) {
	for expression, kind := range map[string]string{
		`self.status.absent == 1`:          "noSuchField",
		`self.status.conditions[7].type`:   "noSuchField",
		`self.metadata.labels['y'] == 'z'`: "noSuchField",
		`self.spec.replicas +`:             "compile",
		`other.x`:                          "compile",
		`self.status.phase + 1`:            "eval",
		`1 / 0`:                            "eval",
	} {
		if got := evaluate(t, expression); got.Kind != kind || got.Error == "" {
			t.Errorf("%s is %q (%s), wanted %q", expression, got.Kind, got.Error, kind)
		}
	}
}

// TestRunawaysEnd: by cost, well inside the deadline's order of magnitude.
func TestRunawaysEnd(t *testing.T) {
	list := "[" + strings.Repeat("1,", 99) + "1]"
	start := time.Now()
	got := evaluate(t, fmt.Sprintf("%s.all(a, %s.all(b, %s.all(c, %s.all(d, a + b + c + d > 0))))", list, list, list, list))
	if got.Kind != "limit" || time.Since(start) > 2*time.Second {
		t.Errorf("%+v after %s", got, time.Since(start))
	}
}

// TestCheckNeedsNoValues: only names.
func TestCheckNeedsNoValues(t *testing.T) {
	checked := NewEvaluator().Check([]protocol.CELExpression{{Expression: "self.a == dep.b"}, {Expression: "self.a == nobody.b"}}, []string{"self", "dep"})
	if checked[0].Error != "" || checked[1].Kind != "compile" || !strings.Contains(checked[1].Error, "nobody") {
		t.Errorf("%+v", checked)
	}
}

// TestProgramsAreKept: the second time costs a hundredth.
func TestProgramsAreKept(t *testing.T) {
	evaluator := NewEvaluator()
	for range 2 {
		if _, err := evaluator.Evaluate([]protocol.CELExpression{{Expression: "self.spec.replicas"}}, json.RawMessage(workload)); err != nil {
			t.Fatal(err)
		}
	}
	if len(evaluator.programs) != 1 || len(evaluator.environments) != 1 {
		t.Errorf("%d programs, %d environments", len(evaluator.programs), len(evaluator.environments))
	}
}

func BenchmarkReady(b *testing.B) {
	evaluator := NewEvaluator()
	for b.Loop() {
		_, _ = evaluator.Evaluate([]protocol.CELExpression{{Expression: `self.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')`}}, json.RawMessage(workload))
	}
}
