package iam

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// SimulatePrincipalPolicyInput asks what the policies of a user or role decide. IAM API Reference,
// SimulatePrincipalPolicy.
type SimulatePrincipalPolicyInput struct {
	PolicySourceArn *string  // of the user or role
	ActionNames     []string // such as ec2:CreateTags
	ResourceArns    []string // each action is decided for each; none: *
	ContextEntries  []ContextEntry
	PolicyInputList []string // further policies, as documents
	MaxItems        *int32
	Marker          *string
}

// ContextEntry is a condition key with its values. A simulation has those that it is given, and no others: no resource
// is looked up.
type ContextEntry struct {
	ContextKeyName   *string
	ContextKeyType   *string
	ContextKeyValues []string
}

// SimulatePrincipalPolicyOutput is a page of decisions.
type SimulatePrincipalPolicyOutput struct {
	EvaluationResults []EvaluationResult
	IsTruncated       bool
	Marker            *string
}

// EvaluationResult is the decision on one action on one resource.
type EvaluationResult struct {
	EvalActionName                    *string
	EvalResourceName                  *string
	EvalDecision                      string // allowed, explicitDeny, implicitDeny
	MatchedStatements                 []MatchedStatement
	MissingContextValues              []string
	PermissionsBoundaryDecisionDetail *BoundaryDecision
}

// MatchedStatement is where the statement is that decided.
type MatchedStatement struct {
	SourcePolicyId   *string //nolint:revive // as on the wire
	SourcePolicyType string
}

// BoundaryDecision is what the permissions boundary contributes.
type BoundaryDecision struct{ AllowedByPermissionsBoundary bool }

// Simulation is the part of IAM's API that simulates policies.
type Simulation struct {
	account *account.Account
	gate    *gate.Gate
}

// NewSimulation is the service over that account; calls pass g, which may be nil.
func NewSimulation(a *account.Account, g *gate.Gate) *Simulation {
	return &Simulation{account: a, gate: g}
}

// SimulationOptions are those of a client, as the SDK's have.
type SimulationOptions struct{}

// SimulatePrincipalPolicy decides by the engine that decides on calls.
func (s *Simulation) SimulatePrincipalPolicy(ctx context.Context, in *SimulatePrincipalPolicyInput,
	_ ...func(*SimulationOptions)) (*SimulatePrincipalPolicyOutput, error) {
	if in == nil {
		in = &SimulatePrincipalPolicyInput{}
	}
	return gate.Do(ctx, s.gate, gate.Operation{Service: "iam", Action: "SimulatePrincipalPolicy"}, in, s.simulate)
}

// Bounds of a page.
const (
	usualPage   = 100
	longestPage = 1000
)

func (s *Simulation) simulate(_ context.Context, in *SimulatePrincipalPolicyInput) (*SimulatePrincipalPolicyOutput,
	error) {
	s.account.Lock()
	defer s.account.Unlock()
	layers, err := s.layers(in)
	if err != nil {
		return nil, err
	}
	keys := policy.Context{}
	for _, e := range in.ContextEntries {
		keys.Set(aws.ToString(e.ContextKeyName), e.ContextKeyValues...)
	}
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	var all []EvaluationResult
	for _, action := range in.ActionNames {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" {
			return nil, invalid("%s is not a valid action name", action)
		}
		for _, resource := range resources {
			all = append(all, evaluate(layers, &policy.Request{Action: action, Resource: resource, Context: keys}))
		}
	}
	if len(all) == 0 {
		return nil, invalid("actionNames: Member must not be empty")
	}
	return page(all, in)
}

func invalid(format string, args ...any) error {
	return apierr.WithStatus(http.StatusBadRequest, "InvalidInput", format, args...)
}

// layers are the policies of the principal; nil: nothing limits it.
func (s *Simulation) layers(in *SimulatePrincipalPolicyInput) ([]policy.Layer, error) {
	path, ok := strings.CutPrefix(aws.ToString(in.PolicySourceArn), s.account.IAMARN(""))
	kind, _, _ := strings.Cut(path, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if !ok || kind != "role" && kind != "user" {
		return nil, invalid("Invalid Entity Arn: %s does not clearly define entity type and name.",
			aws.ToString(in.PolicySourceArn))
	}
	var grants *account.Grants
	if r := s.account.Roles[name]; kind == "role" && r != nil {
		grants = &r.Grants
	}
	if u := s.account.Users[name]; kind == "user" && u != nil {
		grants = &u.Grants
	}
	if grants == nil {
		return nil, apierr.WithStatus(http.StatusNotFound, "NoSuchEntity", "The %s with name %s cannot be found.", kind, name)
	}
	layers := layersOf(s.account, grants)
	for _, text := range in.PolicyInputList {
		d, err := policy.ParseIdentity([]byte(text))
		if err != nil {
			return nil, invalid("%v", err)
		}
		if layers != nil {
			layers[0].Documents = append(slices.Clip(layers[0].Documents), d)
		}
	}
	return layers, nil
}

func evaluate(layers []policy.Layer, r *policy.Request) EvaluationResult {
	d := policy.Decision{Allowed: true}
	if layers != nil {
		d = policy.Evaluate(r, layers)
	}
	x := EvaluationResult{EvalActionName: &r.Action, EvalResourceName: &r.Resource, EvalDecision: "implicitDeny",
		MatchedStatements: []MatchedStatement{}, MissingContextValues: missing(layers, r.Context)}
	switch {
	case d.Allowed:
		x.EvalDecision = "allowed"
	case d.Explicit:
		x.EvalDecision = "explicitDeny"
	}
	if d.Statement != nil {
		x.MatchedStatements = append(x.MatchedStatements, MatchedStatement{aws.String(d.Statement.SID), "IAM Policy"})
	}
	if i := slices.IndexFunc(layers, func(l policy.Layer) bool { return l.Kind == policy.Boundary }); i >= 0 {
		x.PermissionsBoundaryDecisionDetail = &BoundaryDecision{policy.Evaluate(r, layers[i:i+1]).Allowed}
	}
	return x
}

// missing are the keys that policies compare and that the simulation was not given.
func missing(layers []policy.Layer, given policy.Context) []string {
	keys := map[string]bool{}
	for _, layer := range layers {
		for _, d := range layer.Documents {
			for i := range d.Statements {
				for j := range d.Statements[i].Conditions {
					if key := d.Statements[i].Conditions[j].Key; given[key] == nil {
						keys[key] = true
					}
				}
			}
		}
	}
	return append([]string{}, slices.Sorted(maps.Keys(keys))...)
}

func page(all []EvaluationResult, in *SimulatePrincipalPolicyInput) (*SimulatePrincipalPolicyOutput, error) {
	most := int(aws.ToInt32(in.MaxItems))
	if in.MaxItems == nil {
		most = usualPage
	}
	first, err := 0, error(nil)
	if in.Marker != nil {
		first, err = strconv.Atoi(*in.Marker)
	}
	if err != nil || first < 0 || first > len(all) || most < 1 || most > longestPage {
		return nil, invalid("the page is not valid")
	}
	last := min(first+most, len(all))
	out := &SimulatePrincipalPolicyOutput{EvaluationResults: all[first:last], IsTruncated: last < len(all)}
	if out.IsTruncated {
		out.Marker = aws.String(strconv.Itoa(last))
	}
	return out, nil
}

// simulationMappings are those of IAM itself.
var simulationMappings = map[string]mapping{
	"SimulatePrincipalPolicy": target(func(in *SimulatePrincipalPolicyInput) *string { return in.PolicySourceArn }),
}
