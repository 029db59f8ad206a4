package wire

import (
	"errors"
	"reflect"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// computeQuery is EC2's dialect of the query protocol: flat lists in, elements without a wrapper out, its own error
// envelope.
type computeQuery struct {
	namespace string
	in, out   *naming
}

const (
	declaration    = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	computeContent = "text/xml;charset=UTF-8"
)

func (q *computeQuery) action(r *request) (string, error) {
	if action := r.form.Get("Action"); action != "" {
		return action, nil
	}
	return "", apierr.New("MissingAction", "The request is missing an Action parameter.")
}

// notParameters are the fields of a form that belong to the call as such, not to its action; signatures add the X-Amz
// ones.
var notParameters = map[string]bool{
	"Action": true, "Version": true, "AWSAccessKeyId": true, "Signature": true, "SignatureMethod": true,
	"SignatureVersion": true, "Timestamp": true, "X-Amz-Algorithm": true, "X-Amz-Credential": true, "X-Amz-Date": true,
	"X-Amz-Expires": true, "X-Amz-Security-Token": true, "X-Amz-Signature": true, "X-Amz-SignedHeaders": true,
}

func (q *computeQuery) decode(r *request, in reflect.Value) error {
	tree, err := treeOf(r.form)
	if err == nil {
		for name := range notParameters {
			delete(tree.children, name)
		}
		err = formDecoder{names: q.in, flat: true}.structure(tree, "", in)
	}
	var m *mistake
	if errors.As(err, &m) {
		return apierr.New("InvalidParameterValue", "Value (%s) for parameter %s is invalid. It is not %s.", m.value,
			m.parameter, m.want)
	}
	if err != nil {
		return err
	}
	if name := tree.unused(""); name != "" {
		return apierr.New("UnknownParameter", "The parameter %s is not recognized", name)
	}
	return nil
}

func (q *computeQuery) encode(action string, out reflect.Value, id string) (string, []byte, error) {
	e := xmlEncoder{names: q.out, item: "item"}
	e.WriteString(declaration + "<" + action + `Response xmlns="` + q.namespace + `">`)
	e.text("requestId", id)
	if err := q.result(&e, out); err != nil {
		return "", nil, err
	}
	e.close(action + "Response")
	return computeContent, e.Bytes(), nil
}

// result writes the output; where EC2 reports success only, <return>true</return>.
func (q *computeQuery) result(e *xmlEncoder, out reflect.Value) error {
	if out.IsNil() || len(q.out.members(out.Type().Elem())) == 0 {
		e.text("return", "true")
		return nil
	}
	v := out.Elem()
	if r := v.FieldByName("Return"); r.IsValid() && r.Kind() == reflect.Pointer && r.IsNil() {
		e.text("return", "true")
	}
	return e.structure(v)
}

func (q *computeQuery) fail(err *apierr.Error, id string) (string, []byte) {
	var e xmlEncoder
	e.WriteString(declaration)
	e.open("Response")
	e.open("Errors")
	e.open("Error")
	e.text("Code", err.Code)
	e.text("Message", err.Message)
	e.close("Error")
	e.close("Errors")
	e.text("RequestID", id)
	e.close("Response")
	return computeContent, e.Bytes()
}

func (q *computeQuery) refusal(p problem) *apierr.Error { return refusal(computeRefusals, p) }

func (q *computeQuery) unknownAction(action string) *apierr.Error {
	return apierr.New("InvalidAction", "The action %s is not valid for this web service.", action)
}
