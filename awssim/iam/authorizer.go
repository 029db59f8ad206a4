// Package iam decides which calls an account's users and roles may make: tables of the resources and condition keys of
// each action, by its SDK input, the identity of callers, and denials as AWS words them. The policy language is
// awssim/iam/policy's. Of IAM's API it serves the simulation of policies. It imports awssim/account, awssim/apierr,
// awssim/gate, and the SDK's input types.
package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// check is one thing that a call needs: an action on a resource. Calls are allowed when all their checks are.
type check struct {
	action   string         // "": the call's own
	resource string         // ARN, or * when it is not about one
	keys     policy.Context // of the request and the resource, besides those that every call and every tagged resource has
}

// mapping returns what a call with that input needs, beside what every call has.
type mapping func(a *account.Account, in any) []check

// on makes a mapping from one of the input's type. Another type is a call on no resource.
func on[I any](f func(a *account.Account, in *I) []check) mapping {
	return func(a *account.Account, in any) []check {
		typed, ok := in.(*I)
		if !ok || typed == nil {
			return anything
		}
		return f(a, typed)
	}
}

// target is the mapping of an action that is about the one resource whose ARN is in its input.
func target[I any](arn func(in *I) *string) mapping {
	return on(func(_ *account.Account, in *I) []check { return one(arn(in)) })
}

// anything is what actions need that are not about a resource, as nearly all Describe and List actions.
var anything = []check{{resource: "*"}}

func one(arn *string) []check {
	if arn == nil || *arn == "" {
		return anything
	}
	return []check{{resource: *arn}}
}

// mappings are the tables of all services by the name that calls are signed for and action. Actions that are in none of
// them are about no resource.
var mappings = map[string]map[string]mapping{
	"elasticloadbalancing": balancingMappings,
	"ec2":                  computeMappings,
	"acm":                  certificateMappings,
	"wafv2":                firewallMappings,
	"shield":               shieldMappings,
	"globalaccelerator":    acceleratorMappings,
	"route53":              zoneMappings,
	"s3":                   objectMappings,
	"iam":                  simulationMappings,
}

func mappingOf(service, action string) mapping {
	if m := mappings[service][action]; m != nil || service != "ec2" {
		return m
	}
	return networkMappings[action]
}

// prefixes are the services whose actions policies name otherwise than their calls are signed.
var prefixes = map[string]string{"tagging": "tag"}

// elsewhere are the calls that every caller may make, or on which AWS STS decides itself, by MayAssume.
var elsewhere = map[string]bool{
	"sts:GetCallerIdentity": true, "sts:AssumeRole": true, "sts:AssumeRoleWithWebIdentity": true,
}

// Authorizer decides on calls by the policies of the caller. A caller without policies, or an unknown one, may do
// everything unless the account's Enforced is set. Calls from within the process have no caller and are always
// allowed.
func Authorizer(a *account.Account) gate.Authorizer {
	return func(ctx context.Context, service, action, key string, in any) error {
		if elsewhere[service+":"+action] {
			return nil
		}
		a.Lock()
		defer a.Unlock()
		who := callerOf(a, key)
		if who.limited() {
			for _, c := range checksOf(a, service, action, in) {
				if decision, request := who.decide(a, c, regionOf(ctx, a)); !decision.Allowed {
					return denial{who, decision, request}.answer(a, service, action)
				}
			}
		}
		for _, linked := range linkedRoles {
			if linked.service == service && linked.action == action {
				a.LinkedRole(linked.name)
			}
		}
		return nil
	}
}

// checksOf is all that a call needs, with the names of the actions.
func checksOf(a *account.Account, service, action string, in any) []check {
	prefix := service
	if p, ok := prefixes[service]; ok {
		prefix = p
	}
	list := anything
	if m := mappingOf(service, action); m != nil {
		list = m(a, in)
	}
	named := make([]check, 0, len(list)+1)
	for _, c := range list {
		if c.action == "" {
			c.action = prefix + ":" + action
		}
		named = append(named, c)
	}
	for _, linked := range linkedRoles {
		if linked.service == service && linked.action == action && !a.LinkedRoles[linked.name] && !linked.used(a) {
			named = append(named, linked.check(a))
		}
	}
	return named
}

func regionOf(ctx context.Context, a *account.Account) string {
	if r := gate.Region(ctx); r != "" {
		return r
	}
	return a.Region
}

// decide evaluates the caller's policies for one check.
func (who *caller) decide(a *account.Account, c check, region string) (policy.Decision, *policy.Request) {
	request := &policy.Request{Action: c.action, Resource: c.resource, Context: policy.Context{}}
	who.describe(request.Context)
	now := a.Clock.Now()
	request.Context.Set("aws:CurrentTime", now.UTC().Format(time.RFC3339))
	request.Context.Set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	request.Context.Set("aws:RequestedRegion", region)
	request.Context.Set("aws:SecureTransport", "false")
	request.Context.Set("aws:ViaAWSService", "false")
	request.Context.Set("aws:PrincipalIsAWSService", "false")
	service, _, _ := strings.Cut(c.action, ":")
	if service == "ec2" {
		request.Context.Set("ec2:Region", region)
	}
	if c.resource != "*" {
		request.Context.Set("aws:ResourceAccount", a.ID)
	}
	for k, v := range a.ResourceTags(c.resource) {
		request.Context.Set("aws:ResourceTag/"+k, v)
		request.Context.Set(service+":ResourceTag/"+k, v)
	}
	for k, v := range c.keys {
		request.Context.Set(k, v...)
	}
	return policy.Evaluate(request, who.layers), request
}

// requestTags are the keys that a call has which gives tags.
func requestTags(tags map[string]string) policy.Context {
	keys := policy.Context{}
	addRequestTags(keys, tags)
	return keys
}

func addRequestTags(keys policy.Context, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	keys.Set("aws:TagKeys", slices.Sorted(maps.Keys(tags))...)
	for k, v := range tags {
		keys.Set("aws:RequestTag/"+k, v)
	}
}

// linkedRole is a role that a service makes for itself with the caller's permission when it is first used in the
// account.
type linkedRole struct {
	service, action string // of the call that makes it
	name            string // of the service in IAM
	role            string
	used            func(a *account.Account) bool // the service was used before, so the role must be there
}

var linkedRoles = []linkedRole{
	{
		"elasticloadbalancing", "CreateLoadBalancer", "elasticloadbalancing.amazonaws.com",
		"AWSServiceRoleForElasticLoadBalancing",
		func(a *account.Account) bool { return len(a.LoadBalancers) > 0 },
	},
	{
		"globalaccelerator", "CreateAccelerator", "globalaccelerator.amazonaws.com", "AWSServiceRoleForGlobalAccelerator",
		func(*account.Account) bool { return false },
	},
}

func (l linkedRole) check(a *account.Account) check {
	keys := policy.Context{}
	keys.Set("iam:AWSServiceName", l.name)
	return check{
		action: "iam:CreateServiceLinkedRole", keys: keys,
		resource: a.IAMARN(fmt.Sprintf("role/aws-service-role/%s/%s", l.name, l.role)),
	}
}

// tagMap is the tags of a request as keys of conditions see them; each service has a type of its own for them.
func tagMap[T any](tags []T, of func(T) (key, value *string)) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		key, value := of(t)
		m[aws.ToString(key)] = aws.ToString(value)
	}
	return m
}
