package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// operation is one action of a service.
type operation struct {
	input reflect.Type // the struct, not the pointer
	call  func(ctx context.Context, in reflect.Value) (out reflect.Value, err error)
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// operationsOf makes operations of functions by action. It does not look up methods: in a program that looks up methods
// by reflection the linker keeps every exported method of every type.
func operationsOf(actions map[string]any) (map[string]operation, error) {
	if len(actions) == 0 {
		return nil, errors.New("the service has no actions")
	}
	operations := map[string]operation{}
	for name, f := range actions {
		function := reflect.ValueOf(f)
		if function.Kind() != reflect.Func || !hasFormOfClient(function.Type()) {
			return nil, fmt.Errorf("%s is %T, which has not the form of an SDK client's method", name, f)
		}
		operations[name] = operation{
			input: function.Type().In(1).Elem(),
			call: func(ctx context.Context, in reflect.Value) (reflect.Value, error) {
				results := function.Call([]reflect.Value{reflect.ValueOf(ctx), in})
				if err, _ := results[1].Interface().(error); err != nil {
					return reflect.Value{}, err
				}
				return results[0], nil
			},
		}
	}
	return operations, nil
}

// hasFormOfClient reports whether a function is like func(ctx, *ActionInput, ...func(*Options)) (*ActionOutput, error).
func hasFormOfClient(t reflect.Type) bool {
	return t.NumIn() == 3 && t.IsVariadic() && t.NumOut() == 2 && t.In(0) == contextType && t.Out(1) == errorType &&
		t.In(1).Kind() == reflect.Pointer && t.Out(0).Kind() == reflect.Pointer
}

// Perform makes one call in the process, without a signature: input is the action's input struct of the SDK as JSON,
// with Go's names of its fields. It fails for services and actions that are not served, for fields that do not exist,
// and with the action's own error.
func (s *Server) Perform(ctx context.Context, service, action string, input []byte) error {
	op, ok := s.operations[service][action]
	if !ok {
		return fmt.Errorf("the action %s of %q is not served", action, service)
	}
	in := reflect.New(op.input)
	if len(input) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(input))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(in.Interface()); err != nil {
			return fmt.Errorf("input of %s: %w", action, err)
		}
	}
	_, err := op.call(ctx, in)
	return err
}
