package services

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	waf "github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/wafv2"
)

// plantFirewall makes the described address sets and web ACLs, as a user would but without recording the calls, and
// subscribes the account to Shield Advanced if it is.
func plantFirewall(a *account.Account, f seed.File) error {
	service := wafv2.New(a, nil)
	p := planter{account: a}
	for i, set := range f.IPSets {
		p.reserve(set.ARN)
		version := waftypes.IPAddressVersionIpv4
		if len(set.Addresses) > 0 && strings.Contains(set.Addresses[0], ":") {
			version = waftypes.IPAddressVersionIpv6
		}
		out, err := service.CreateIPSet(context.Background(), &waf.CreateIPSetInput{
			Name: aws.String(seed.FirewallName(set.ARN)), Scope: waftypes.ScopeRegional, IPAddressVersion: version,
			Addresses: set.Addresses,
		})
		if err == nil {
			err = p.same(set.ARN, *out.Summary.ARN)
		}
		if err != nil {
			return fmt.Errorf("ipSets[%d]: %w", i, err)
		}
	}
	for i, w := range f.WebACLs {
		in, err := webACL(w)
		if err != nil {
			return fmt.Errorf("webACLs[%d]: rules: %w", i, err)
		}
		p.reserve(w.ARN)
		out, err := service.CreateWebACL(context.Background(), in)
		if err == nil {
			err = p.same(w.ARN, *out.Summary.ARN)
		}
		if err != nil {
			return fmt.Errorf("webACLs[%d]: %w", i, err)
		}
		a.Lock()
		a.WebACLs[w.ARN].Created = a.WebACLs[w.ARN].Created.Add(-a.Profile.WebACLKnown) // it was there before
		a.WebACLs[w.ARN].Central = w.Central
		a.Unlock()
	}
	if f.ShieldSubscription == "ACTIVE" {
		a.Lock()
		a.Subscription = &account.ShieldSubscription{Started: a.Clock.Now(), AutoRenew: true}
		a.Unlock()
	}
	return nil
}

// webACL is the creation of a described web ACL; what it blocks by path comes before its rules.
func webACL(w seed.WebACL) (*waf.CreateWebACLInput, error) {
	name := seed.FirewallName(w.ARN)
	visibility := &waftypes.VisibilityConfig{MetricName: aws.String(name)}
	in := &waf.CreateWebACLInput{
		Name: aws.String(name), Scope: waftypes.ScopeRegional, VisibilityConfig: visibility,
		DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
	}
	if w.Default == "block" {
		in.DefaultAction = &waftypes.DefaultAction{Block: &waftypes.BlockAction{}}
	}
	if len(w.Rules) > 0 {
		if err := json.Unmarshal(w.Rules, &in.Rules); err != nil {
			return nil, err
		}
	}
	for i := range in.Rules {
		if in.Rules[i].VisibilityConfig == nil {
			in.Rules[i].VisibilityConfig = visibility
		}
		if w.Block.Path != "" {
			in.Rules[i].Priority++ // makes room for the one below
		}
	}
	if w.Block.Path != "" {
		in.Rules = append(in.Rules, waftypes.Rule{
			Name: aws.String("blocked-path"), VisibilityConfig: visibility, Action: &waftypes.RuleAction{
				Block: &waftypes.BlockAction{}},
			Statement: &waftypes.Statement{ByteMatchStatement: &waftypes.ByteMatchStatement{
				FieldToMatch:         &waftypes.FieldToMatch{UriPath: &waftypes.UriPath{}},
				PositionalConstraint: waftypes.PositionalConstraintExactly,
				SearchString:         []byte(w.Block.Path), TextTransformations: []waftypes.TextTransformation{
					{Type: waftypes.TextTransformationTypeNone}},
			}},
		})
	}
	return in, nil
}
