package cel

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/types/known/structpb"
)

// toNative makes a CEL value what JSON can carry. Whole numbers stay exact at the top level.
func toNative(value ref.Val) (any, error) {
	switch typed := value.(type) {
	case types.Bool:
		return bool(typed), nil
	case types.Int:
		return int64(typed), nil
	case types.Uint:
		return uint64(typed), nil
	case types.Double:
		return float64(typed), nil
	case types.String:
		return string(typed), nil
	case types.Null:
		return nil, nil
	case *types.Optional:
		if !typed.HasValue() {
			return nil, nil
		}
		return toNative(typed.GetValue())
	}
	converted, err := value.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return nil, fmt.Errorf("a value of type %s cannot be written as JSON", value.Type().TypeName())
	}
	return converted.(*structpb.Value).AsInterface(), nil
}
