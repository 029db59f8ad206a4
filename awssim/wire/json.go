package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// json11 is AWS JSON 1.1: the action in a header, objects in and out (ACM, WAF, Shield, Global Accelerator, and
// Resource Groups Tagging for clients that do not speak RPC v2 CBOR).
type json11 struct{ values }

func newJSON(names map[string]string) *json11 {
	return &json11{values{names: newNaming(names, same)}}
}

const jsonContent = "application/x-amz-json-1.1"

func (j *json11) action(r *request) (string, error) {
	_, action, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok || action == "" {
		return "", j.unknownAction("")
	}
	return action, nil
}

func (j *json11) decode(r *request, in reflect.Value) error {
	body := bytes.TrimSpace(r.body)
	if len(body) == 0 {
		body = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var given any
	if err := decoder.Decode(&given); err != nil {
		return apierr.New("SerializationException", "the body is no JSON: %v", err)
	}
	if decoder.More() {
		return apierr.New("SerializationException", "the body goes on after its JSON value")
	}
	return j.input(given, in)
}

// input fills in, an SDK input struct.
func (j *json11) input(given any, in reflect.Value) error {
	err := j.fill(given, "", in)
	var m *mistake
	if errors.As(err, &m) {
		return apierr.New("SerializationException", "%s", m.Error())
	}
	return err
}

func (j *json11) encode(_ string, out reflect.Value, _ string) (string, []byte, error) {
	if out.IsNil() {
		return jsonContent, []byte("{}"), nil
	}
	object, err := j.plain(out.Elem())
	if err != nil {
		return "", nil, err
	}
	body, err := json.Marshal(object)
	return jsonContent, body, err
}

func (j *json11) fail(e *apierr.Error, _ string) (string, []byte) {
	body, err := json.Marshal(map[string]string{"__type": e.Code, "message": e.Message})
	if err != nil { // two strings always marshal
		body = []byte("{}")
	}
	return jsonContent, body
}

func (j *json11) refusal(p problem) *apierr.Error { return refusal(jsonRefusals, p) }

func (j *json11) unknownAction(string) *apierr.Error {
	return apierr.WithStatus(http.StatusBadRequest, "UnknownOperationException", "")
}
