// Package webacl decides what the rules of a web ACL do with a request: an honest subset of AWS WAF. Rules match on URI
// path, query string, method or one header by bytes, and on client addresses, joined by and, or and not; statements of
// any other kind are Unknown and match nothing, however they are joined. It has no API and no account; it imports only
// the standard library.
package webacl

import (
	"net/http"
	"net/netip"
)

// Kind is what an action does.
type Kind int

// The actions. Other actions of AWS WAF (CAPTCHA and challenge) do nothing here.
const (
	Allow Kind = iota
	Block
	Count // goes on with the next rule
)

// Action is what the web ACL does with a request.
type Action struct {
	Kind     Kind
	Response *Response // of Block; nil: the load balancer's own 403
}

// Response is a custom answer to a blocked request.
type Response struct {
	Status      int
	Header      http.Header
	ContentType string // empty without a body
	Body        string
}

// ACL is a web ACL. It is immutable once it is in use.
type ACL struct {
	Default Action
	Rules   []Rule // in the order of their priorities
}

// Rule is one rule.
type Rule struct {
	Name      string
	Statement Statement
	Action    Action
}

// Request is what rules see of a request.
type Request struct {
	Client netip.Addr
	Method string
	Path   string // as sent, not decoded
	Query  string // as sent, without the question mark
	Header http.Header
	Host   string
}

// Decide finds the action for a request and the name of the rule that has it, empty for the default action.
func (a *ACL) Decide(r *Request) (action Action, rule string) {
	for i := range a.Rules {
		rule := &a.Rules[i]
		if rule.Action.Kind != Count && rule.Statement.match(r) == yes {
			return rule.Action, rule.Name
		}
	}
	return a.Default, ""
}
