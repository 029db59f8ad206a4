package wire

import (
	"bytes"
	"context"
	"encoding/json"
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

// operationsOf finds the methods of v that have the form of an SDK client's. Other exported methods are no actions.
func operationsOf(v any) (map[string]operation, error) {
	value := reflect.ValueOf(v)
	operations := map[string]operation{}
	for i := range value.NumMethod() {
		name, method := value.Type().Method(i).Name, value.Method(i)
		t := method.Type()
		if t.NumIn() != 3 || !t.IsVariadic() || t.NumOut() != 2 || t.In(0) != contextType || t.Out(1) != errorType ||
			t.In(1).Kind() != reflect.Pointer || t.Out(0).Kind() != reflect.Pointer {
			continue
		}
		operations[name] = operation{
			input: t.In(1).Elem(),
			call: func(ctx context.Context, in reflect.Value) (reflect.Value, error) {
				results := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
				if err, _ := results[1].Interface().(error); err != nil {
					return reflect.Value{}, err
				}
				return results[0], nil
			},
		}
	}
	if len(operations) == 0 {
		return nil, fmt.Errorf("%T has no method of an SDK client's form", v)
	}
	return operations, nil
}

// Perform makes one call in the process, without a signature: input is the action's input struct of the SDK as JSON, with
// Go's names of its fields. It fails for services and actions that are not served, for fields that do not exist, and with the
// action's own error.
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
