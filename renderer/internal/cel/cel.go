// Package cel evaluates expressions over plain JSON, with the libraries that
// Kubernetes gives to its own (https://kubernetes.io/docs/reference/using-api/cel/).
package cel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apiserver/pkg/cel/library"

	"trimtab.dev/renderer/internal/protocol"
)

// Bounds of one evaluation. The cost is CEL's own count of steps.
const (
	costLimit      = 100_000
	deadline       = 100 * time.Millisecond
	checkFrequency = 100
	maxExpression  = 64 << 10
	maxKept        = 1000
)

// Evaluator keeps compiled programs by expression and variable names.
type Evaluator struct {
	environments map[string]*cel.Env
	programs     map[string]compiled
}

// compiled is a program, or why there is none.
type compiled struct {
	program cel.Program
	failure string
}

// NewEvaluator makes an empty one.
func NewEvaluator() *Evaluator {
	return &Evaluator{environments: map[string]*cel.Env{}, programs: map[string]compiled{}}
}

// Check compiles expressions that may use these names.
func (e *Evaluator) Check(expressions []protocol.CELExpression, names []string) []protocol.CELValue {
	values := make([]protocol.CELValue, len(expressions))
	for index, expression := range expressions {
		if found := e.compile(expression.Expression, names); found.failure != "" {
			values[index] = protocol.CELValue{Error: found.failure, Kind: "compile"}
		}
	}
	return values
}

// Evaluate gives the value of each expression over the variables (a JSON object).
func (e *Evaluator) Evaluate(expressions []protocol.CELExpression, variables json.RawMessage) ([]protocol.CELValue, error) {
	activation, err := decode(variables)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(activation))
	for name := range activation {
		names = append(names, name)
	}
	values := make([]protocol.CELValue, len(expressions))
	for index, expression := range expressions {
		values[index] = e.evaluate(expression.Expression, names, activation)
	}
	return values, nil
}

func (e *Evaluator) evaluate(expression string, names []string, activation map[string]any) protocol.CELValue {
	found := e.compile(expression, names)
	if found.failure != "" {
		return protocol.CELValue{Error: found.failure, Kind: "compile"}
	}
	bounded, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	value, _, err := found.program.ContextEval(bounded, activation)
	if err != nil {
		return protocol.CELValue{Error: err.Error(), Kind: kindOf(err, bounded)}
	}
	native, err := toNative(value)
	if err != nil {
		return protocol.CELValue{Error: err.Error(), Kind: "eval"}
	}
	return protocol.CELValue{Value: native}
}

// kindOf tells a missing field and an overrun from a plain failure. CEL offers only texts to tell by.
func kindOf(err error, bounded context.Context) string {
	text := err.Error()
	switch {
	case bounded.Err() != nil, strings.Contains(text, "cost limit exceeded"), errors.Is(err, context.DeadlineExceeded):
		return "limit"
	case strings.HasPrefix(text, "no such key"), strings.HasPrefix(text, "no such attribute"), strings.HasPrefix(text, "index out of bounds"):
		return "noSuchField"
	default:
		return "eval"
	}
}

// compile gives the program of an expression, from memory if it was compiled before.
func (e *Evaluator) compile(expression string, names []string) compiled {
	slices.Sort(names)
	scope := strings.Join(names, ",")
	key := scope + "\x00" + expression
	if found, kept := e.programs[key]; kept {
		return found
	}
	if len(e.programs) >= maxKept {
		clear(e.programs) // rare: the expressions of a fleet are few
	}
	made := e.build(expression, scope, names)
	e.programs[key] = made
	return made
}

func (e *Evaluator) build(expression, scope string, names []string) compiled {
	if len(expression) > maxExpression {
		return compiled{failure: fmt.Sprintf("the expression is longer than %d KiB", maxExpression>>10)}
	}
	environment, err := e.environment(scope, names)
	if err != nil {
		return compiled{failure: err.Error()}
	}
	ast, issues := environment.Compile(expression)
	if issues.Err() != nil {
		return compiled{failure: firstIssue(issues)}
	}
	program, err := environment.Program(ast,
		cel.EvalOptions(cel.OptOptimize),
		cel.CostLimit(costLimit),
		cel.CostTracking(&library.CostEstimator{}),
		cel.InterruptCheckFrequency(checkFrequency),
	)
	if err != nil {
		return compiled{failure: err.Error()}
	}
	return compiled{program: program}
}

// firstIssue is one sentence: where in the expression, and what.
func firstIssue(issues *cel.Issues) string {
	first := issues.Errors()[0]
	return fmt.Sprintf("column %d: %s", first.Location.Column()+1, first.Message)
}

func (e *Evaluator) environment(scope string, names []string) (*cel.Env, error) {
	if kept, found := e.environments[scope]; found {
		return kept, nil
	}
	options := []cel.EnvOption{
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(),
		ext.Strings(ext.StringsVersion(2)), ext.Sets(), ext.TwoVarComprehensions(), ext.Math(), ext.Encoders(),
		library.URLs(), library.Regex(), library.Lists(), library.Quantity(), library.IP(), library.CIDR(),
		library.Format(), library.SemverLib(library.SemverVersion(1)),
	}
	for _, name := range names {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	made, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	if len(e.environments) >= 100 {
		clear(e.environments)
	}
	e.environments[scope] = made
	return made, nil
}

// decode reads the variables with whole numbers as integers.
func decode(variables json.RawMessage) (map[string]any, error) {
	if len(variables) == 0 {
		return map[string]any{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(variables))
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("the variables are no JSON object: %w", err)
	}
	for name, value := range decoded {
		decoded[name] = withNumbers(value)
	}
	return decoded, nil
}

func withNumbers(value any) any {
	switch typed := value.(type) {
	case json.Number:
		if whole, err := typed.Int64(); err == nil {
			return whole
		}
		float, _ := typed.Float64()
		return float
	case map[string]any:
		for key, inner := range typed {
			typed[key] = withNumbers(inner)
		}
	case []any:
		for index, inner := range typed {
			typed[index] = withNumbers(inner)
		}
	}
	return value
}
