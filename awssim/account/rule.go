package account

import (
	"math"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Rule is one rule of a listener.
type Rule struct {
	ARN        string
	Listener   *Listener
	Default    bool  // then it has no priority and no conditions
	Priority   int32 // 1 to 50000
	Conditions []stack.Condition
	Actions    []Action // by order, complete with AWS's defaults
	Transforms []stack.Transform
	Tags       map[string]string
	Seq        uint64
}

// Action is one action. Target groups are named by ARN (Ref.Literal). Exactly the field of its type is set.
type Action struct {
	stack.Action
	Order   int32
	OIDC    *OIDC
	Cognito *Cognito
	JWT     *JWT
}

// Session is what both ways to authenticate have in common.
type Session struct {
	Cookie            string
	Scope             string
	TimeoutSeconds    int64
	OnUnauthenticated string // authenticate, allow, deny
	ExtraParams       map[string]string
}

// OIDC authenticates with an OpenID provider.
type OIDC struct {
	Session
	Issuer, AuthorizationEndpoint, TokenEndpoint, UserInfoEndpoint string
	ClientID, ClientSecret                                         string
}

// Cognito authenticates with a Cognito user pool.
type Cognito struct {
	Session
	UserPoolARN, UserPoolClientID, UserPoolDomain string
}

// JWT validates a token.
type JWT struct {
	JWKSEndpoint, Issuer string
	Claims               []JWTClaim
}

// JWTClaim is one claim that must hold.
type JWTClaim struct {
	Name, Format string
	Values       []string
}

// StackActions is the actions in the form that traffic is decided by, authentication left out.
func (r *Rule) StackActions() []stack.Action {
	var out []stack.Action
	for _, a := range r.Actions {
		if a.OIDC == nil && a.Cognito == nil && a.JWT == nil {
			out = append(out, a.Action)
		}
	}
	return out
}

// TargetGroups is the ARNs that its actions name, each once.
func (r *Rule) TargetGroups() []string { return TargetGroupsOf(r.Actions) }

// TargetGroupsOf is the ARNs that actions name, each once.
func TargetGroupsOf(actions []Action) []string {
	var out []string
	for _, a := range actions {
		if a.Forward == nil {
			continue
		}
		for _, t := range a.Forward.TargetGroups {
			if !slices.Contains(out, t.TargetGroup.Literal) {
				out = append(out, t.TargetGroup.Literal)
			}
		}
	}
	return out
}

// position sorts the default rule last.
func (r *Rule) position() int32 {
	if r.Default {
		return math.MaxInt32
	}
	return r.Priority
}

// AddRule files a rule under its listener and links the target groups of its actions.
func (a *Account) AddRule(r *Rule) {
	if a.Rules == nil {
		a.Rules = map[string]*Rule{}
	}
	r.Seq = a.next()
	a.Rules[r.ARN] = r
	r.Listener.Rules = append(r.Listener.Rules, r)
	r.Listener.SortRules()
	a.link(r)
}

// RemoveRule removes a rule and frees the target groups that only it used.
func (a *Account) RemoveRule(r *Rule) {
	a.unlink(r)
	delete(a.Rules, r.ARN)
	r.Listener.Rules = slices.DeleteFunc(r.Listener.Rules, func(o *Rule) bool { return o == r })
}

// SetActions replaces a rule's actions and links what they name.
func (a *Account) SetActions(r *Rule, actions []Action) {
	before := r.TargetGroups()
	for _, arn := range before {
		if tg := a.TargetGroups[arn]; tg != nil {
			delete(tg.rules, r.ARN)
		}
	}
	r.Actions = actions
	a.link(r)
	a.release(before)
}

// SortRules restores the order after priorities changed.
func (l *Listener) SortRules() {
	slices.SortFunc(l.Rules, func(x, y *Rule) int { return int(x.position()) - int(y.position()) })
}

func (a *Account) link(r *Rule) {
	for _, arn := range r.TargetGroups() {
		tg := a.TargetGroups[arn]
		if tg == nil {
			continue
		}
		if tg.rules == nil {
			tg.rules = map[string]*Rule{}
		}
		if tg.LoadBalancer == nil {
			tg.UsedSince = a.Clock.Now()
		}
		tg.rules[r.ARN] = r
		tg.LoadBalancer = r.Listener.LoadBalancer
	}
}

func (a *Account) unlink(r *Rule) {
	arns := r.TargetGroups()
	for _, arn := range arns {
		if tg := a.TargetGroups[arn]; tg != nil {
			delete(tg.rules, r.ARN)
		}
	}
	a.release(arns)
}

// release takes target groups that no rule names from their load balancer; what was known of their targets' health
// ends.
func (a *Account) release(arns []string) {
	for _, arn := range arns {
		tg := a.TargetGroups[arn]
		if tg == nil || len(tg.rules) > 0 {
			continue
		}
		if tg.LoadBalancer != nil {
			tg.ReleasedFrom = tg.LoadBalancer.ARN
		}
		tg.LoadBalancer, tg.ReleasedAt = nil, a.Clock.Now()
		for _, t := range tg.Targets {
			t.Reported = nil
		}
	}
}
