package wafv2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// CreateWebACL makes a web ACL.
func (s *Service) CreateWebACL(ctx context.Context, in *wafv2.CreateWebACLInput, _ ...func(*wafv2.Options)) (
	*wafv2.CreateWebACLOutput, error) {
	return call.Write(ctx, s.entry, "CreateWebACL", in, s.createWebACL)
}

func (s *Service) createWebACL(in *wafv2.CreateWebACLInput) (*wafv2.CreateWebACLOutput, error) {
	name, scope := aws.ToString(in.Name), string(in.Scope)
	if err := s.checkName(name, scope, in.Description); err != nil {
		return nil, err
	}
	definition := types.WebACL{
		Name: aws.String(name), DefaultAction: in.DefaultAction, Rules: in.Rules, VisibilityConfig: in.VisibilityConfig,
		Description:          in.Description,
		CustomResponseBodies: in.CustomResponseBodies, CaptchaConfig: in.CaptchaConfig, ChallengeConfig: in.ChallengeConfig,
		TokenDomains: in.TokenDomains, AssociationConfig: in.AssociationConfig, ApplicationConfig: in.ApplicationConfig,
		DataProtectionConfig: in.DataProtectionConfig, OnSourceDDoSProtectionConfig: in.OnSourceDDoSProtectionConfig,
	}
	if err := s.check(&definition); err != nil {
		return nil, err
	}
	tags, err := merge(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	same := 0
	for _, w := range s.account.WebACLs {
		switch {
		case w.Scope != scope:
		case w.Name == name:
			return nil, duplicate()
		default:
			same++
		}
	}
	if q := s.account.Quota("web-acls"); same >= q {
		return nil, beyond("web ACLs", q)
	}
	p := path(scope, "webacl", name)
	id := s.account.UUIDFor(p)
	w := &account.WebACL{
		ARN: s.arn(scope, p, id), ID: id, Name: name, Scope: scope, Description: aws.ToString(in.Description),
		LockToken: s.account.NewUUID(), Created: s.account.Clock.Now(), Tags: tags,
	}
	s.define(w, definition)
	s.account.AddWebACL(w)
	return &wafv2.CreateWebACLOutput{Summary: summary(w)}, nil
}

// define gives the web ACL its rules.
func (s *Service) define(w *account.WebACL, d types.WebACL) {
	d.ARN, d.Id = aws.String(w.ARN), aws.String(w.ID)
	d.LabelNamespace = aws.String("awswaf:" + s.account.ID + ":webacl:" + w.Name + ":")
	for _, r := range d.Rules {
		d.Capacity += capacity(r.Statement)
	}
	w.Definition, w.Rules = d, s.compile(d)
}

func describe(w *account.WebACL) *types.WebACL {
	d, _ := w.Definition.(types.WebACL)
	d.ManagedByFirewallManager = w.Central
	return &d
}

func summary(w *account.WebACL) *types.WebACLSummary {
	return &types.WebACLSummary{
		ARN: aws.String(w.ARN), Id: aws.String(w.ID), Name: aws.String(w.Name), Description: aws.String(w.Description),
		LockToken: aws.String(w.LockToken),
	}
}

// find is the web ACL of that name, id and scope.
func (s *Service) find(name, id *string, scope types.Scope) (*account.WebACL, error) {
	if err := s.checkScope(string(scope)); err != nil {
		return nil, err
	}
	for _, w := range s.account.WebACLs {
		if w.Scope == string(scope) && w.Name == aws.ToString(name) && w.ID == aws.ToString(id) {
			return w, nil
		}
	}
	return nil, nonexistent()
}

// GetWebACL describes a web ACL, by name, id and scope or by ARN.
func (s *Service) GetWebACL(ctx context.Context, in *wafv2.GetWebACLInput, _ ...func(*wafv2.Options)) (
	*wafv2.GetWebACLOutput, error) {
	return call.Read(ctx, s.entry, "GetWebACL", in, func(in *wafv2.GetWebACLInput) (*wafv2.GetWebACLOutput, error) {
		w := s.account.WebACLs[aws.ToString(in.ARN)]
		if in.ARN == nil {
			var err error
			if w, err = s.find(in.Name, in.Id, in.Scope); err != nil {
				return nil, err
			}
		}
		if w == nil {
			return nil, nonexistent()
		}
		return &wafv2.GetWebACLOutput{WebACL: describe(w), LockToken: aws.String(w.LockToken)}, nil
	})
}

// UpdateWebACL replaces all of a web ACL's settings.
func (s *Service) UpdateWebACL(ctx context.Context, in *wafv2.UpdateWebACLInput, _ ...func(*wafv2.Options)) (
	*wafv2.UpdateWebACLOutput, error) {
	return call.Write(ctx, s.entry, "UpdateWebACL", in, s.updateWebACL)
}

func (s *Service) updateWebACL(in *wafv2.UpdateWebACLInput) (*wafv2.UpdateWebACLOutput, error) {
	w, err := s.find(in.Name, in.Id, in.Scope)
	if err != nil {
		return nil, err
	}
	if err := s.checkName(w.Name, w.Scope, in.Description); err != nil {
		return nil, err
	}
	if aws.ToString(in.LockToken) != w.LockToken {
		return nil, stale()
	}
	definition := types.WebACL{
		Name: aws.String(w.Name), DefaultAction: in.DefaultAction, Rules: in.Rules, VisibilityConfig: in.VisibilityConfig,
		Description:          in.Description,
		CustomResponseBodies: in.CustomResponseBodies, CaptchaConfig: in.CaptchaConfig, ChallengeConfig: in.ChallengeConfig,
		TokenDomains: in.TokenDomains, AssociationConfig: in.AssociationConfig, ApplicationConfig: in.ApplicationConfig,
		DataProtectionConfig: in.DataProtectionConfig, OnSourceDDoSProtectionConfig: in.OnSourceDDoSProtectionConfig,
	}
	if err := s.check(&definition); err != nil {
		return nil, err
	}
	w.Description, w.LockToken = aws.ToString(in.Description), s.account.NewUUID()
	s.define(w, definition)
	return &wafv2.UpdateWebACLOutput{NextLockToken: aws.String(w.LockToken)}, nil
}

// DeleteWebACL deletes a web ACL that no load balancer has.
func (s *Service) DeleteWebACL(ctx context.Context, in *wafv2.DeleteWebACLInput, _ ...func(*wafv2.Options)) (
	*wafv2.DeleteWebACLOutput, error) {
	return call.Write(ctx, s.entry, "DeleteWebACL", in, func(in *wafv2.DeleteWebACLInput) (
		*wafv2.DeleteWebACLOutput, error) {
		w, err := s.find(in.Name, in.Id, in.Scope)
		if err != nil {
			return nil, err
		}
		if aws.ToString(in.LockToken) != w.LockToken {
			return nil, stale()
		}
		if len(s.account.LoadBalancersOf(w.ARN)) > 0 {
			return nil, apierr.New("WAFAssociatedItemException",
				"AWS WAF couldn't perform the operation because your resource is being used by another resource or it's "+
					"associated with another resource.")
		}
		delete(s.account.WebACLs, w.ARN)
		return &wafv2.DeleteWebACLOutput{}, nil
	})
}

// ListWebACLs lists the web ACLs of a scope by name.
func (s *Service) ListWebACLs(ctx context.Context, in *wafv2.ListWebACLsInput, _ ...func(*wafv2.Options)) (
	*wafv2.ListWebACLsOutput, error) {
	return call.Read(ctx, s.entry, "ListWebACLs", in, func(in *wafv2.ListWebACLsInput) (*wafv2.ListWebACLsOutput, error) {
		if err := s.checkScope(string(in.Scope)); err != nil {
			return nil, err
		}
		var all []types.WebACLSummary
		for _, arn := range slices.Sorted(maps.Keys(s.account.WebACLs)) {
			if w := s.account.WebACLs[arn]; w.Scope == string(in.Scope) {
				all = append(all, *summary(w))
			}
		}
		page, next, err := pageOf(s, all, func(w types.WebACLSummary) string { return *w.ARN }, in.Limit, in.NextMarker)
		if err != nil {
			return nil, err
		}
		return &wafv2.ListWebACLsOutput{WebACLs: page, NextMarker: next}, nil
	})
}

// CheckCapacity returns what rules would cost.
func (s *Service) CheckCapacity(ctx context.Context, in *wafv2.CheckCapacityInput, _ ...func(*wafv2.Options)) (
	*wafv2.CheckCapacityOutput, error) {
	return call.Read(ctx, s.entry, "CheckCapacity", in, func(in *wafv2.CheckCapacityInput) (
		*wafv2.CheckCapacityOutput, error) {
		if err := s.checkScope(string(in.Scope)); err != nil {
			return nil, err
		}
		out := &wafv2.CheckCapacityOutput{}
		for i := range in.Rules {
			if err := s.checkRule(&in.Rules[i], nil); err != nil {
				return nil, err
			}
			out.Capacity += capacity(in.Rules[i].Statement)
		}
		return out, nil
	})
}

// check validates a web ACL's settings.
func (s *Service) check(d *types.WebACL) error {
	if d.DefaultAction == nil || count(d.DefaultAction.Allow != nil, d.DefaultAction.Block != nil) != 1 {
		return invalid("DEFAULT_ACTION", "", "You have used none or multiple values for a field that requires "+
			"exactly one value.")
	}
	if err := checkVisibility(d.VisibilityConfig); err != nil {
		return err
	}
	if err := checkBlock(d.DefaultAction.Block, d.CustomResponseBodies); err != nil {
		return err
	}
	names, priorities := map[string]bool{}, map[int32]bool{}
	var total int64
	for i := range d.Rules {
		r := &d.Rules[i]
		if err := s.checkRule(r, d.CustomResponseBodies); err != nil {
			return err
		}
		if names[*r.Name] {
			return invalid("RULE", *r.Name, "You have used the same name for two rules.")
		}
		if priorities[r.Priority] {
			return invalid("RULE", *r.Name, "You have used the same priority for two rules.")
		}
		names[*r.Name], priorities[r.Priority] = true, true
		total += capacity(r.Statement)
	}
	if total > maxCapacity {
		return beyond("web ACL capacity units", maxCapacity)
	}
	return nil
}

func checkVisibility(v *types.VisibilityConfig) error {
	if v == nil || !metricForm.MatchString(aws.ToString(v.MetricName)) {
		return invalid("METRIC_NAME", "", "A visibility configuration with a metric name is required.")
	}
	return nil
}

func checkBlock(b *types.BlockAction, bodies map[string]types.CustomResponseBody) error {
	if b == nil || b.CustomResponse == nil {
		return nil
	}
	c := b.CustomResponse
	if code := aws.ToInt32(c.ResponseCode); code < 200 || code > 599 {
		return invalid("RESPONSE_CODE", "", "The response code %d is not allowed.", code)
	}
	if c.CustomResponseBodyKey != nil {
		if _, ok := bodies[*c.CustomResponseBodyKey]; !ok {
			return invalid("CUSTOM_RESPONSE_BODY_KEY", *c.CustomResponseBodyKey, "The key refers to no custom response body.")
		}
	}
	return nil
}

// checkRule validates one rule: exactly one action, of the right sort for the statement.
func (s *Service) checkRule(r *types.Rule, bodies map[string]types.CustomResponseBody) error {
	name := aws.ToString(r.Name)
	if !nameForm.MatchString(name) {
		return invalid("RULE", name, "The name of a rule must have 1 to 128 letters, digits, hyphens and underscores.")
	}
	if r.Priority < 0 {
		return invalid("RULE", name, "The priority of a rule must not be negative.")
	}
	if r.Statement == nil {
		return invalid("STATEMENT", name, "A rule needs a statement.")
	}
	if err := checkVisibility(r.VisibilityConfig); err != nil {
		return err
	}
	groups := r.Statement.ManagedRuleGroupStatement != nil || r.Statement.RuleGroupReferenceStatement != nil
	switch {
	case groups && (r.OverrideAction == nil || r.Action != nil || count(r.OverrideAction.Count != nil,
		r.OverrideAction.None != nil) != 1):
		return invalid("OVERRIDE_ACTION", name, "A rule that refers to a rule group needs exactly one override action.")
	case !groups && (r.Action == nil || r.OverrideAction != nil):
		return invalid("RULE", name, "A rule needs an action.")
	case !groups:
		a := r.Action
		if count(a.Allow != nil, a.Block != nil, a.Count != nil, a.Captcha != nil, a.Challenge != nil) != 1 {
			return invalid("RULE_ACTION", name, "You have used none or multiple values for a field that requires "+
				"exactly one value.")
		}
		if err := checkBlock(a.Block, bodies); err != nil {
			return err
		}
	}
	return walk(r.Statement, s.checkStatement)
}

func (s *Service) checkStatement(t *types.Statement) error {
	if kinds(t) != 1 {
		return invalid("STATEMENT", "", "You have used none or multiple values for a field that requires exactly one value.")
	}
	switch {
	case t.AndStatement != nil && len(t.AndStatement.Statements) < 2:
		return invalid("AND_STATEMENT", "", "Your statement has multiple values set for a field that requires two or "+
			"more statements.")
	case t.OrStatement != nil && len(t.OrStatement.Statements) < 2:
		return invalid("OR_STATEMENT", "", "Your statement has multiple values set for a field that requires two or "+
			"more statements.")
	case t.NotStatement != nil && t.NotStatement.Statement == nil:
		return invalid("NOT_STATEMENT", "", "The statement needs a statement.")
	case t.IPSetReferenceStatement != nil:
		arn := aws.ToString(t.IPSetReferenceStatement.ARN)
		if !strings.Contains(arn, "/ipset/") {
			return invalid("IP_SET_REFERENCE_STATEMENT", arn, "The ARN isn't valid.")
		}
		if s.account.IPSets[arn] == nil {
			return nonexistent()
		}
	case t.ByteMatchStatement != nil:
		return checkByteMatch(t.ByteMatchStatement)
	}
	return nil
}

func checkByteMatch(b *types.ByteMatchStatement) error {
	switch {
	case len(b.SearchString) == 0 || len(b.SearchString) > 200:
		return invalid("BYTE_MATCH_STATEMENT", string(b.SearchString), "The search string must have 1 to 200 bytes.")
	case b.FieldToMatch == nil:
		return invalid("FIELD_TO_MATCH", "", "A field to match is required.")
	case len(b.TextTransformations) == 0:
		return invalid("TEXT_TRANSFORMATION", "", "A text transformation is required; NONE is one.")
	}
	if _, ok := positions[b.PositionalConstraint]; !ok {
		return invalid("POSITIONAL_CONSTRAINT", string(b.PositionalConstraint), "The positional constraint is not valid.")
	}
	return nil
}
