// Package policy reads IAM policy documents and decides by them. It has the language of policies and no service: the
// caller gives action, resource and condition keys of a call. It is pure and imports only the standard library.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Versions of the policy language. Without a version, a policy is of the older one, which has no variables.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Document is one policy.
type Document struct {
	Version    string
	ID         string
	Statements []Statement

	text string // as it was given, without insignificant space
}

// Statement is one rule of a policy. Either of a pair such as Actions and NotActions is given.
type Statement struct {
	SID           string
	Deny          bool
	Actions       []string
	NotActions    []string
	Resources     []string // neither in trust policies
	NotResources  []string
	Principals    Principals // neither in identity policies
	NotPrincipals Principals
	Conditions    []Condition

	variables bool // the policy's version has them
}

// Principals are the principals of a statement of a trust policy.
type Principals struct {
	Anyone    bool     // "*", as the whole or of AWS
	AWS       []string // ARNs of users, roles and sessions, account ids
	Federated []string // ARNs of identity providers
	Service   []string // such as pods.eks.amazonaws.com
}

func (p Principals) given() bool {
	return p.Anyone || len(p.AWS)+len(p.Federated)+len(p.Service) > 0
}

// String is the document as JSON.
func (d *Document) String() string { return d.text }

// kind is a kind of policies. Kinds differ in what their statements may contain.
type kind struct {
	name       string
	resources  bool // statements need Resource or NotResource; otherwise neither is allowed
	principals bool // statements need Principal or NotPrincipal; otherwise neither is allowed
	longest    int  // characters without space; IAM and AWS STS quotas
}

var (
	identityKind = kind{name: "identity-based policy", resources: true, longest: 6144}
	trustKind    = kind{name: "trust policy", principals: true, longest: 4096}
)

// ParseIdentity reads a policy to attach to a user, a role, a session, or as a permissions boundary. Errors name the
// element.
func ParseIdentity(text []byte) (*Document, error) { return parse(text, identityKind) }

// ParseTrust reads the trust policy of a role. Errors name the element.
func ParseTrust(text []byte) (*Document, error) { return parse(text, trustKind) }

func parse(text []byte, k kind) (*Document, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	if n := compact.Len(); n > k.longest {
		return nil, fmt.Errorf("%s: %d characters without space are more than the %d that it may have", k.name, n, k.longest)
	}
	d := &Document{Version: Version2008, text: compact.String()}
	var statements json.RawMessage
	err := members(text, map[string]func(json.RawMessage) error{
		"Version":   text1(&d.Version),
		"Id":        text1(&d.ID),
		"Statement": func(raw json.RawMessage) error { statements = raw; return nil },
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	if d.Version != Version2008 && d.Version != Version2012 {
		return nil, fmt.Errorf("%s: Version: %q is neither %s nor %s", k.name, d.Version, Version2012, Version2008)
	}
	var list []json.RawMessage
	if json.Unmarshal(statements, &list) != nil {
		list = []json.RawMessage{statements}
	}
	if len(statements) == 0 || len(list) == 0 {
		return nil, fmt.Errorf("%s: Statement: is missing", k.name)
	}
	sids := map[string]bool{}
	for i, raw := range list {
		s, err := statement(raw, k)
		if err == nil && s.SID != "" && sids[s.SID] {
			err = at("Sid", "%q is used already by another statement", s.SID)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: Statement[%d].%w", k.name, i, err)
		}
		sids[s.SID] = true
		s.variables = d.Version == Version2012
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

var (
	actionForm = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$`)
	sidForm    = regexp.MustCompile(`^[A-Za-z0-9]*$`)
)

func statement(raw json.RawMessage, k kind) (Statement, error) {
	var s Statement
	var effect string
	err := members(raw, map[string]func(json.RawMessage) error{
		"Sid":          text1(&s.SID),
		"Effect":       text1(&effect),
		"Action":       texts(&s.Actions),
		"NotAction":    texts(&s.NotActions),
		"Resource":     texts(&s.Resources),
		"NotResource":  texts(&s.NotResources),
		"Principal":    func(raw json.RawMessage) error { return s.Principals.read(raw) },
		"NotPrincipal": func(raw json.RawMessage) error { return s.NotPrincipals.read(raw) },
		"Condition":    func(raw json.RawMessage) (err error) { s.Conditions, err = conditions(raw); return err },
	})
	if err != nil {
		return s, err
	}
	if effect != "Allow" && effect != "Deny" {
		return s, at("Effect", "%q is neither Allow nor Deny", effect)
	}
	s.Deny = effect == "Deny"
	if k.resources && !sidForm.MatchString(s.SID) {
		return s, at("Sid", "%q holds more than letters and digits", s.SID)
	}
	return s, errors.Join(s.checkActions(), s.checkResources(k), s.checkPrincipals(k))
}

// at is an error about an element.
func at(element, format string, args ...any) error {
	return fmt.Errorf("%s: %w", element, fmt.Errorf(format, args...))
}

func (s *Statement) checkActions() error {
	if (s.Actions == nil) == (s.NotActions == nil) {
		return at("Action", "give either Action or NotAction")
	}
	for _, a := range slices.Concat(s.Actions, s.NotActions) {
		if !actionForm.MatchString(a) {
			return at("Action", "%q is neither * nor a service's prefix, a colon and an action, such as ec2:Describe*", a)
		}
	}
	return nil
}

func (s *Statement) checkResources(k kind) error {
	if !k.resources {
		if s.Resources != nil || s.NotResources != nil {
			return at("Resource", "a trust policy has none")
		}
		return nil
	}
	if (s.Resources == nil) == (s.NotResources == nil) {
		return at("Resource", "give either Resource or NotResource")
	}
	for _, r := range slices.Concat(s.Resources, s.NotResources) {
		if r != "*" && (!strings.HasPrefix(r, "arn:") || strings.Count(r, ":") < 5) {
			return at("Resource", "%q is neither * nor an ARN", r)
		}
	}
	return nil
}

func (s *Statement) checkPrincipals(k kind) error {
	switch {
	case !k.principals && (s.Principals.given() || s.NotPrincipals.given()):
		return at("Principal", "an identity-based policy has none")
	case k.principals && s.Principals.given() == s.NotPrincipals.given():
		return at("Principal", "give either Principal or NotPrincipal")
	}
	return nil
}

// read reads "*" or an object of kinds of principals.
func (p *Principals) read(raw json.RawMessage) error {
	var everyone string
	if json.Unmarshal(raw, &everyone) == nil {
		if everyone != "*" {
			return fmt.Errorf("%q is neither * nor an object", everyone)
		}
		p.Anyone = true
		return nil
	}
	var canonical []string
	err := members(raw, map[string]func(json.RawMessage) error{
		"AWS": texts(&p.AWS), "Federated": texts(&p.Federated), "Service": texts(&p.Service),
		"CanonicalUser": texts(&canonical),
	})
	if err != nil {
		return err
	}
	p.AWS = slices.DeleteFunc(p.AWS, func(a string) bool {
		p.Anyone = p.Anyone || a == "*"
		return a == "*"
	})
	for _, a := range p.AWS {
		if strings.ContainsAny(a, "*?") {
			return fmt.Errorf("AWS: %q: a principal may not hold wildcards; name it, or name its account and use a condition "+
				"on aws:PrincipalArn", a)
		}
	}
	return nil
}
