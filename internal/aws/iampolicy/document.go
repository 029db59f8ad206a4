// Package iampolicy makes the IAM policies of the controller's role: the standard one that existing installations
// attach, additions to it, and the smallest one for a list of actions, scoped to a cluster; as JSON, Terraform and
// CloudFormation. It has the resources and conditions of each action. It does not evaluate policies, and calls
// nothing.
package iampolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Document is a policy that can be attached to a role.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement allows actions.
type Statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Action    []string
	Resource  Values
	Condition Condition `json:",omitempty"`
}

// Condition holds values by operator and key.
type Condition map[string]map[string]Values

// Values are strings, of which a single one is written without brackets, as AWS's own policies have it.
type Values []string

// MarshalJSON writes a string or a list.
func (v Values) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return marshal(v[0])
	}
	return marshal([]string(v))
}

// marshal leaves < and > as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// Longest is IAM's quota of characters of a managed policy, white space aside.
const Longest = 6144

// Length returns what counts for the quota.
func (d Document) Length() int {
	text, err := marshal(d)
	if err != nil {
		return 0
	}
	return len(text)
}

// JSON returns the document, indented.
func (d Document) JSON() (string, error) {
	text, err := marshal(d)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return "", err
	}
	return b.String() + "\n", nil
}

func document(statements ...Statement) Document {
	for i := range statements {
		statements[i].Effect = "Allow"
	}
	return Document{Version: "2012-10-17", Statement: statements}
}

// arns completes resources of a partition.
func arns(partition string, resources ...string) Values {
	if len(resources) == 0 {
		return Values{"*"}
	}
	out := make(Values, len(resources))
	for i, r := range resources {
		out[i] = fmt.Sprintf("arn:%s:%s", partition, r)
	}
	return out
}
