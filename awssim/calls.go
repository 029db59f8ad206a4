package awssim

import (
	"bytes"
	"encoding/json"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// Describe is a recorded call as the administration shows it: with its parameters as JSON, without what was not given.
func Describe(c gate.Call) simclient.Call {
	return simclient.Call{
		Number: c.Number, Time: c.Time, Duration: c.Duration.String(), RequestID: c.RequestID, Service: c.Service,
		Action: c.Action,
		Caller: c.Caller, Parameters: parameters(c.Input), Status: c.Status, Code: c.Code, Message: c.Message, Fault: c.Fault,
		Throttled: c.Throttled, Dropped: c.Dropped,
	}
}

func parameters(in any) json.RawMessage {
	none := json.RawMessage("{}")
	text, err := json.Marshal(in)
	if err != nil {
		return none
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return none
	}
	if text, err = json.Marshal(pruned(v)); err != nil || v == nil {
		return none
	}
	return text
}

// pruned drops nulls and the empty strings of enumerations from objects.
func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			if member == nil || member == "" {
				delete(v, k)
				continue
			}
			v[k] = pruned(member)
		}
	case []any:
		for i := range v {
			v[i] = pruned(v[i])
		}
	}
	return v
}
