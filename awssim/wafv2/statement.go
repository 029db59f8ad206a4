package wafv2

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/webacl"
)

// compile makes the rules of a web ACL that the data plane can follow. What it cannot follow matches nothing.
func (s *Service) compile(d types.WebACL) *webacl.ACL {
	acl := &webacl.ACL{Default: webacl.Action{Kind: webacl.Allow}}
	if d.DefaultAction.Block != nil {
		acl.Default = block(d.DefaultAction.Block, d.CustomResponseBodies)
	}
	rules := slices.Clone(d.Rules)
	slices.SortFunc(rules, func(x, y types.Rule) int { return cmp.Compare(x.Priority, y.Priority) })
	for _, r := range rules {
		rule := webacl.Rule{Name: aws.ToString(r.Name), Statement: s.statement(r.Statement), Action: webacl.Action{
			Kind: webacl.Count}}
		switch {
		case r.Action == nil:
		case r.Action.Allow != nil:
			rule.Action.Kind = webacl.Allow
		case r.Action.Block != nil:
			rule.Action = block(r.Action.Block, d.CustomResponseBodies)
		}
		acl.Rules = append(acl.Rules, rule)
	}
	return acl
}

var contentTypes = map[types.ResponseContentType]string{
	types.ResponseContentTypeTextPlain:       "text/plain",
	types.ResponseContentTypeTextHtml:        "text/html",
	types.ResponseContentTypeApplicationJson: "application/json",
}

func block(b *types.BlockAction, bodies map[string]types.CustomResponseBody) webacl.Action {
	action := webacl.Action{Kind: webacl.Block}
	c := b.CustomResponse
	if c == nil {
		return action
	}
	r := &webacl.Response{Status: int(aws.ToInt32(c.ResponseCode)), Header: http.Header{}}
	for _, h := range c.ResponseHeaders {
		r.Header.Add(aws.ToString(h.Name), aws.ToString(h.Value))
	}
	if body, ok := bodies[aws.ToString(c.CustomResponseBodyKey)]; ok {
		r.ContentType, r.Body = contentTypes[body.ContentType], aws.ToString(body.Content)
	}
	action.Response = r
	return action
}

// statement translates what is simulated: byte matches on path, query, method and one header, IP sets by the client's
// own address, and, or, not.
func (s *Service) statement(t *types.Statement) webacl.Statement {
	switch {
	case t == nil:
	case t.ByteMatchStatement != nil:
		return byteMatch(t.ByteMatchStatement)
	case t.IPSetReferenceStatement != nil:
		set := s.account.IPSets[aws.ToString(t.IPSetReferenceStatement.ARN)]
		if set != nil && t.IPSetReferenceStatement.IPSetForwardedIPConfig == nil {
			return webacl.From{Set: set.Set}
		}
	case t.AndStatement != nil:
		return webacl.All(s.statements(t.AndStatement.Statements))
	case t.OrStatement != nil:
		return webacl.Any(s.statements(t.OrStatement.Statements))
	case t.NotStatement != nil:
		return webacl.Not{Statement: s.statement(t.NotStatement.Statement)}
	}
	return webacl.Unknown{}
}

func (s *Service) statements(list []types.Statement) []webacl.Statement {
	out := make([]webacl.Statement, len(list))
	for i := range list {
		out[i] = s.statement(&list[i])
	}
	return out
}

var positions = map[types.PositionalConstraint]webacl.Position{
	types.PositionalConstraintExactly:      webacl.Exactly,
	types.PositionalConstraintStartsWith:   webacl.StartsWith,
	types.PositionalConstraintEndsWith:     webacl.EndsWith,
	types.PositionalConstraintContains:     webacl.Contains,
	types.PositionalConstraintContainsWord: webacl.ContainsWord,
}

func byteMatch(t *types.ByteMatchStatement) webacl.Statement {
	m := webacl.Bytes{Text: string(t.SearchString)}
	position, ok := positions[t.PositionalConstraint]
	f := t.FieldToMatch
	switch {
	case !ok || f == nil:
		return webacl.Unknown{}
	case f.UriPath != nil:
		m.Part = webacl.Path
	case f.QueryString != nil:
		m.Part = webacl.Query
	case f.Method != nil:
		m.Part = webacl.Method
	case f.SingleHeader != nil:
		m.Part, m.Name = webacl.Header, aws.ToString(f.SingleHeader.Name)
	default:
		return webacl.Unknown{}
	}
	m.Position = position
	transformations := slices.Clone(t.TextTransformations)
	slices.SortFunc(transformations, func(x, y types.TextTransformation) int {
		return cmp.Compare(x.Priority, y.Priority)
	})
	for _, x := range transformations {
		f, ok := webacl.Transform(string(x.Type))
		if !ok {
			return webacl.Unknown{}
		}
		m.Transforms = append(m.Transforms, f)
	}
	return m
}

// kinds counts how many kinds of statement t is; it must be one.
func kinds(t *types.Statement) int {
	return count(
		t.AndStatement != nil, t.AsnMatchStatement != nil, t.ByteMatchStatement != nil, t.GeoMatchStatement != nil,
		t.IPSetReferenceStatement != nil,
		t.LabelMatchStatement != nil, t.ManagedRuleGroupStatement != nil, t.NotStatement != nil, t.OrStatement != nil,
		t.RateBasedStatement != nil,
		t.RegexMatchStatement != nil, t.RegexPatternSetReferenceStatement != nil, t.RuleGroupReferenceStatement != nil,
		t.SizeConstraintStatement != nil, t.SqliMatchStatement != nil, t.XssMatchStatement != nil,
	)
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// walk calls f for the statement and for all that are in it.
func walk(t *types.Statement, f func(*types.Statement) error) error {
	if t == nil {
		return nil
	}
	if err := f(t); err != nil {
		return err
	}
	var inner []*types.Statement
	if t.AndStatement != nil {
		for i := range t.AndStatement.Statements {
			inner = append(inner, &t.AndStatement.Statements[i])
		}
	}
	if t.OrStatement != nil {
		for i := range t.OrStatement.Statements {
			inner = append(inner, &t.OrStatement.Statements[i])
		}
	}
	if t.NotStatement != nil {
		inner = append(inner, t.NotStatement.Statement)
	}
	if t.RateBasedStatement != nil {
		inner = append(inner, t.RateBasedStatement.ScopeDownStatement)
	}
	if t.ManagedRuleGroupStatement != nil {
		inner = append(inner, t.ManagedRuleGroupStatement.ScopeDownStatement)
	}
	for _, i := range inner {
		if err := walk(i, f); err != nil {
			return err
		}
	}
	return nil
}

// capacity is what a rule costs in web ACL capacity units, as the developer guide lists them for what is simulated;
// other statements cost an estimate.
func capacity(t *types.Statement) int64 {
	var total int64
	_ = walk(t, func(t *types.Statement) error {
		switch {
		case t.ByteMatchStatement != nil:
			cost := map[types.PositionalConstraint]int64{types.PositionalConstraintContains: 10,
				types.PositionalConstraintContainsWord: 10}[t.ByteMatchStatement.PositionalConstraint]
			if cost == 0 {
				cost = 2
			}
			for _, x := range t.ByteMatchStatement.TextTransformations {
				if x.Type != types.TextTransformationTypeNone {
					cost += 10
				}
			}
			total += cost
		case t.IPSetReferenceStatement != nil, t.GeoMatchStatement != nil, t.LabelMatchStatement != nil,
			t.SizeConstraintStatement != nil, t.AsnMatchStatement != nil:
			total++
		case t.RateBasedStatement != nil:
			total += 2
		case t.RegexMatchStatement != nil:
			total += 3
		case t.RegexPatternSetReferenceStatement != nil:
			total += 25
		case t.SqliMatchStatement != nil:
			total += 20
		case t.XssMatchStatement != nil:
			total += 40
		case t.ManagedRuleGroupStatement != nil:
			total += 700 // as the core rule set
		case t.RuleGroupReferenceStatement != nil:
			total += 100
		}
		return nil
	})
	return total
}
