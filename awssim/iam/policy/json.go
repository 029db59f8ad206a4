package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// members gives each member of a JSON object to its reader. Names are those of the policy language, exactly; others are
// errors, as in IAM.
func members(raw json.RawMessage, readers map[string]func(json.RawMessage) error) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil || object == nil {
		return errors.New("is not an object")
	}
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names) // so that the same fault is named each time
	for _, name := range names {
		read := readers[name]
		if read == nil {
			return fmt.Errorf("%s: not an element of the policy language", name)
		}
		if err := read(object[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// text1 reads one string.
func text1(into *string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		if err := json.Unmarshal(raw, into); err != nil {
			return fmt.Errorf("%s is not a string", raw)
		}
		return nil
	}
}

// texts reads one string or a list of them; the result is never nil.
func texts(into *[]string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		list, err := scalars(raw, func(v any) (string, bool) { s, ok := v.(string); return s, ok })
		*into = list
		return err
	}
}

// scalars reads one scalar or a list of them.
func scalars(raw json.RawMessage, read func(any) (string, bool)) ([]string, error) {
	var given any
	if err := json.Unmarshal(raw, &given); err != nil {
		return nil, err
	}
	items, ok := given.([]any)
	if !ok {
		items = []any{given}
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := read(item)
		if !ok {
			return nil, fmt.Errorf("%v is not a string", item)
		}
		list = append(list, s)
	}
	return list, nil
}
