package sts

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// Bounds of the life of a session, in seconds.
const (
	shortestSession = 900
	longestSession  = 43200
	defaultSession  = 3600
	longestChained  = 3600
)

// Bounds of what a session is given.
const (
	longestExternalID = 1224 // characters
	longestPolicy     = 2048 // characters
	maxPolicies       = 10
	maxTags           = 50
)

var (
	roleForm     = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]{1,64})$`)
	sessionForm  = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalForm = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

// AssumeRole opens a session of a role of the account, or of another one that the simulator has.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (
	*sts.AssumeRoleOutput, error) {
	if in == nil {
		in = &sts.AssumeRoleInput{}
	}
	return gate.Do(ctx, s.gate, gate.Operation{Service: service, Action: "AssumeRole"}, in, s.assumeRole)
}

func (s *Service) assumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	there := s.accountOf(aws.ToString(in.RoleArn))
	if there != nil {
		return s.assumeThere(ctx, in, there)
	}
	s.account.Lock()
	defer s.account.Unlock()
	o, asked, err := s.asked(ctx, in, s.account)
	if err != nil {
		return nil, err
	}
	parent, chained := s.account.Sessions[gate.Caller(ctx)]
	if err := iam.MayAssume(s.account, gate.Caller(ctx), o.role, asked); err != nil {
		return nil, err
	}
	session := s.open(o)
	session.Tags, session.Transitive = asked.Tags, slices.Clone(in.TransitiveTagKeys)
	if chained {
		for _, key := range parent.Transitive {
			session.Tags[key] = parent.Tags[key]
			session.Transitive = append(session.Transitive, key)
		}
	}
	return &sts.AssumeRoleOutput{Credentials: credentials(session), AssumedRoleUser: user(session),
		SourceIdentity: in.SourceIdentity}, nil
}

// asked checks a request for a role of an account, which may be another one than the caller's. The caller holds the
// locks of both.
func (s *Service) asked(ctx context.Context, in *sts.AssumeRoleInput, of *account.Account) (*opening,
	iam.AssumeRequest, error) {
	asked := iam.AssumeRequest{Role: aws.ToString(in.RoleArn), Actions: []string{"sts:AssumeRole"}, Keys: policy.Context{}}
	if id := aws.ToString(in.ExternalId); in.ExternalId != nil && (len(id) > longestExternalID ||
		!externalForm.MatchString(id)) {
		return nil, asked, constraint(*in.ExternalId, "externalId",
			"Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*")
	}
	if _, chained := s.account.Sessions[gate.Caller(ctx)]; chained && aws.ToInt32(in.DurationSeconds) > longestChained {
		return nil, asked,
			apierr.New("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "+
				"by role chaining")
	}
	o, err := s.opening(of, in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if err != nil {
		return nil, asked, err
	}
	if o.policies, err = s.policies(in.Policy, in.PolicyArns); err != nil {
		return nil, asked, err
	}
	asked.Keys.Set("sts:RoleSessionName", *in.RoleSessionName)
	if in.ExternalId != nil {
		asked.Keys.Set("sts:ExternalId", *in.ExternalId)
	}
	if asked.Tags, err = sessionTags(in.Tags, in.TransitiveTagKeys); err != nil {
		return nil, asked, err
	}
	if len(asked.Tags) > 0 {
		asked.Actions = append(asked.Actions, "sts:TagSession")
	}
	if len(in.TransitiveTagKeys) > 0 {
		asked.Keys.Set("sts:TransitiveTagKeys", in.TransitiveTagKeys...)
	}
	if in.SourceIdentity != nil {
		asked.Keys.Set("sts:SourceIdentity", *in.SourceIdentity)
		asked.Actions = append(asked.Actions, "sts:SetSourceIdentity")
	}
	return o, asked, nil
}

// opening is a session about to be opened.
type opening struct {
	roleName string
	role     *account.Role // nil: the account does not keep track of it
	session  string
	life     time.Duration
	policies []*policy.Document
}

// opening checks what both ways to assume a role have in common. Roles of other accounts are refused as if their trust
// policy did not let the caller in.
func (s *Service) opening(of *account.Account, role, name *string, seconds *int32) (*opening, error) {
	parts := roleForm.FindStringSubmatch(aws.ToString(role))
	if parts == nil {
		return nil, apierr.New("ValidationError", "%s is invalid", aws.ToString(role))
	}
	if !sessionForm.MatchString(aws.ToString(name)) {
		return nil, constraint(aws.ToString(name), "roleSessionName",
			"Member must satisfy regular expression pattern: [\\w+=,.@-]*")
	}
	life := int32(defaultSession)
	if seconds != nil {
		life = *seconds
	}
	if life < shortestSession || life > longestSession {
		return nil, constraint(fmt.Sprint(life), "durationSeconds", fmt.Sprintf("Member must have value between %d and %d",
			shortestSession, longestSession))
	}
	if parts[1] != of.Partition || parts[2] != of.ID {
		return nil, apierr.WithStatus(http.StatusForbidden, "AccessDenied",
			"User is not authorized to perform: sts:AssumeRole on resource: %s", *role)
	}
	o := &opening{roleName: parts[3], session: *name, life: time.Duration(life) * time.Second}
	if r := of.Roles[parts[3]]; r != nil && of.RoleARN(r) == *role {
		o.role = r
		longest := r.MaxSession
		if longest == 0 {
			longest = defaultSession
		}
		if life > longest {
			return nil, apierr.New("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set "+
				"for this role.")
		}
	}
	return o, nil
}

func (s *Service) open(o *opening) *account.RoleSession {
	session := s.account.NewRoleSession(o.roleName, o.session, o.life)
	session.Policies = o.policies
	return session
}

// policies are those that limit the session: one that is given, and managed ones.
func (s *Service) policies(given *string, managed []types.PolicyDescriptorType) ([]*policy.Document, error) {
	var list []*policy.Document
	if given != nil {
		if len(*given) > longestPolicy {
			return nil, constraint(*given, "policy", fmt.Sprintf("Member must have length less than or equal to %d",
				longestPolicy))
		}
		d, err := policy.ParseIdentity([]byte(*given))
		if err != nil {
			return nil, apierr.New("MalformedPolicyDocument", "%v", err)
		}
		list = append(list, d)
	}
	if len(managed) > maxPolicies {
		return nil, constraint(fmt.Sprint(len(managed)), "policyArns",
			fmt.Sprintf("Member must have length less than or equal to %d", maxPolicies))
	}
	for _, m := range managed {
		arn := aws.ToString(m.Arn)
		found := s.account.Documents(arn[strings.LastIndexByte(arn, '/')+1:])
		if !strings.HasPrefix(arn, s.account.IAMARN("policy/")) || len(found) == 0 {
			return nil, apierr.New("ValidationError", "The policy %s does not exist or is not attachable.", arn)
		}
		list = append(list, found...)
	}
	return list, nil
}

// sessionTags are the tags of a session, never nil; their keys compare without regard to case.
func sessionTags(given []types.Tag, transitive []string) (map[string]string, error) {
	if len(given) > maxTags {
		return nil, constraint(fmt.Sprint(len(given)), "tags", fmt.Sprintf("Member must have length less than or equal to %d",
			maxTags))
	}
	tags, seen := map[string]string{}, map[string]bool{}
	for _, t := range given {
		key := aws.ToString(t.Key)
		if seen[strings.ToLower(key)] {
			return nil, apierr.New("InvalidParameterValue",
				"Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[strings.ToLower(key)] = true
		tags[key] = aws.ToString(t.Value)
	}
	for _, key := range transitive {
		if _, ok := tags[key]; !ok {
			return nil, apierr.New("InvalidParameterValue",
				"One or more of the specified transitive tag keys is not a tag of the session: %s", key)
		}
	}
	return tags, nil
}
