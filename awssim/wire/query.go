package wire

import (
	"errors"
	"reflect"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// query is the AWS query protocol: a form in, XML out (Elastic Load Balancing, STS).
type query struct {
	namespace, version string
	in, out            *naming
}

func (q *query) action(r *request) (string, error) {
	action := r.form.Get("Action")
	switch version := r.form.Get("Version"); {
	case action == "":
		return "", apierr.New("MissingAction", "Could not find an action or operation to perform: the request has no "+
			"Action parameter.")
	case version != "" && version != q.version:
		return action, apierr.New("InvalidAction", "Could not find operation %s for version %s", action, version)
	}
	return action, nil
}

func (q *query) decode(r *request, in reflect.Value) error {
	tree, err := treeOf(r.form)
	if err == nil {
		err = formDecoder{names: q.in}.structure(tree, "", in)
	}
	var m *mistake
	if errors.As(err, &m) {
		return apierr.New("MalformedInput", "%s", m.Error())
	}
	return err
}

func (q *query) encode(action string, out reflect.Value, id string) (string, []byte, error) {
	e := xmlEncoder{names: q.out, item: "member"}
	e.WriteString("<" + action + `Response xmlns="` + q.namespace + `">`)
	e.open(action + "Result")
	if !out.IsNil() {
		if err := e.structure(out.Elem()); err != nil {
			return "", nil, err
		}
	}
	e.close(action + "Result")
	e.open("ResponseMetadata")
	e.text("RequestId", id)
	e.close("ResponseMetadata")
	e.close(action + "Response")
	return "text/xml", e.Bytes(), nil
}

func (q *query) fail(err *apierr.Error, id string) (string, []byte) {
	var e xmlEncoder
	e.WriteString(`<ErrorResponse xmlns="` + q.namespace + `">`)
	e.open("Error")
	e.text("Type", fault(err))
	e.text("Code", err.Code)
	e.text("Message", err.Message)
	e.close("Error")
	e.text("RequestId", id)
	e.close("ErrorResponse")
	return "text/xml", e.Bytes()
}

func (q *query) refusal(p problem) *apierr.Error { return refusal(queryRefusals, p) }

func (q *query) unknownAction(action string) *apierr.Error {
	return apierr.New("InvalidAction", "Could not find operation %s for version %s", action, q.version)
}

func fault(e *apierr.Error) string {
	if e.Sender {
		return "Sender"
	}
	return "Receiver"
}
