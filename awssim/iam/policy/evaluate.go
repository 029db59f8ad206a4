package policy

import (
	"slices"
	"strings"
)

// Request is one question: may this be done to that?
type Request struct {
	Action   string // such as ec2:CreateTags
	Resource string // ARN, or * for actions that are not about one resource
	Context  Context
}

// Kind is a kind of policy; its text is how denials name it.
type Kind string

// The kinds of policies that limit a caller. Each that is there must allow.
const (
	Identity     Kind = "identity-based policy"
	Boundary     Kind = "permissions boundary"
	Session      Kind = "session policy"
	Organization Kind = "service control policy"
)

// Layer is all policies of one kind.
type Layer struct {
	Kind      Kind
	Documents []*Document
}

// Decision is the answer.
type Decision struct {
	Allowed   bool
	Explicit  bool       // denied by a statement, not for want of one
	By        Kind       // of the layer that denied
	Statement *Statement // that denied or, of the first layer, allowed; nil when there is none
}

// Evaluate decides: a Deny of any layer wins, else every layer must have an Allow. No layer at all allows nothing.
func Evaluate(r *Request, layers []Layer) Decision {
	d := Decision{Allowed: len(layers) > 0, By: Identity}
	var lacking *Decision
	for i, layer := range layers {
		var allow *Statement
		for _, document := range layer.Documents {
			for j := range document.Statements {
				s := &document.Statements[j]
				if allow != nil && !s.Deny || !s.applies(r) {
					continue
				}
				if s.Deny {
					return Decision{Explicit: true, By: layer.Kind, Statement: s}
				}
				allow = s
			}
		}
		if allow == nil && lacking == nil {
			lacking = &Decision{By: layer.Kind}
		}
		if i == 0 {
			d.Statement, d.By = allow, layer.Kind
		}
	}
	if lacking != nil {
		return *lacking
	}
	return d
}

// applies reports whether the statement is about the request.
func (s *Statement) applies(r *Request) bool {
	return s.covers(r.Action) && s.about(r) && s.conditionsMatch(r.Context)
}

func (s *Statement) covers(action string) bool {
	matches := func(pattern string) bool { return actionMatches(pattern, action) }
	if s.NotActions != nil {
		return !slices.ContainsFunc(s.NotActions, matches)
	}
	return slices.ContainsFunc(s.Actions, matches)
}

func (s *Statement) about(r *Request) bool {
	matches := func(pattern string) bool {
		expanded, ok := expand(pattern, r.Context, s.variables, true)
		return ok && arnMatches(expanded, r.Resource)
	}
	if s.NotResources != nil {
		return !slices.ContainsFunc(s.NotResources, matches)
	}
	return slices.ContainsFunc(s.Resources, matches)
}

func (s *Statement) conditionsMatch(context Context) bool {
	for i := range s.Conditions {
		if !s.Conditions[i].matches(context, s.variables) {
			return false
		}
	}
	return true
}

// Principal is the caller that assumes a role.
type Principal struct {
	ARNs      []string // of a session: its own and its role's
	Account   string   // of the ARNs
	Federated string   // ARN of the identity provider that vouches
	Service   string   // such as pods.eks.amazonaws.com
}

// Trust is how far a trust policy goes for a principal.
type Trust int

// The answers of a trust policy.
const (
	Untrusted  Trust = iota // no statement is about it
	Refused                 // a Deny is
	ByAccount               // its account, or anyone, is trusted: the principal's own policies must allow as well
	ByIdentity              // it is named, which suffices within an account
)

// Trusts evaluates a role's trust policy.
func (d *Document) Trusts(p Principal, action string, context Context) Trust {
	best := Untrusted
	for i := range d.Statements {
		s := &d.Statements[i]
		if !s.covers(action) || !s.conditionsMatch(context) {
			continue
		}
		t := s.Principals.trust(p)
		if s.NotPrincipals.given() {
			t = ByAccount
			if s.NotPrincipals.trust(p) != Untrusted {
				t = Untrusted
			}
		}
		if s.Deny && t != Untrusted {
			return Refused
		}
		best = max(best, t)
	}
	return best
}

func (p Principals) trust(who Principal) Trust {
	switch {
	case slices.ContainsFunc(p.AWS, func(a string) bool { return slices.Contains(who.ARNs, a) }),
		who.Federated != "" && slices.Contains(p.Federated, who.Federated),
		who.Service != "" && slices.Contains(p.Service, who.Service):
		return ByIdentity
	case p.Anyone, who.Account != "" && slices.ContainsFunc(p.AWS, func(a string) bool {
		return accountOf(a) == who.Account
	}):
		return ByAccount
	}
	return Untrusted
}

// accountOf is the account that a principal stands for: of 123456789012 and arn:aws:iam::123456789012:root, else "".
func accountOf(principal string) string {
	parts := strings.SplitN(principal, ":", arnParts)
	switch {
	case len(parts) == 1:
		return principal
	case len(parts) == arnParts && parts[2] == "iam" && parts[5] == "root":
		return parts[4]
	}
	return ""
}
