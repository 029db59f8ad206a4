package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
)

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
