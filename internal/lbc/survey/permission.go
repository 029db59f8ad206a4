package survey

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/lbc/simulation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// noSuchEntity is IAM's code for a role that does not exist.
const noSuchEntity = "NoSuchEntity"

// permissions has IAM simulate the policies of the controller's role.
func (r *reader) permissions(ctx context.Context, s state) (put, error) {
	role := r.options.Role
	if role == "" && len(s.facts.Controllers) > 0 {
		role = s.facts.Controllers[0].Role
	}
	if role == "" || r.options.Policy == nil {
		return func(*state) {}, nil
	}
	policy, err := r.options.Policy(s.config)
	if err != nil {
		return nil, err
	}
	lacking, err := simulate(ctx, s, role, policy)
	found := checks.Permissions{Role: role, Exists: true, Lacking: lacking}
	if err != nil {
		switch e := awsclient.Classify(err); {
		case e.Class == diag.Denied && isRole(s.facts.Settings.Caller, role):
			found.Lacking, found.Untried = probed(ctx, s, role, policy)
		case e.Code == noSuchEntity:
			found.Exists = false
		default:
			return nil, err
		}
	}
	return func(s *state) { s.facts.Permissions = found }, nil
}

func simulate(ctx context.Context, s state, role string, policy iampolicy.Document) (lacking []checks.Lack, err error) {
	scope := s.connection.Scope
	questions := iampolicy.Questions(policy, iampolicy.Subject{
		Partition: scope.Partition, Region: s.config.Region, Account: s.facts.Settings.Account, Cluster: s.config.ClusterName,
		VPC: s.config.VPC, Role: role,
	})
	answers, iam := make([][]simulation.Answer, len(questions)), simulation.Over(s.connection)
	err = parallel(ctx, len(questions), func(ctx context.Context, i int) (err error) {
		q := questions[i]
		answers[i], err = iam.Ask(ctx, simulation.Question{Role: role, Actions: q.Actions, Resource: q.Resource,
			Keys: q.Keys})
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, q := range questions {
		for _, a := range q.Actions {
			j := slices.IndexFunc(answers[i], func(x simulation.Answer) bool { return strings.EqualFold(x.Action, a) })
			if j < 0 {
				return nil, errors.New("IAM did not decide on " + a)
			}
			if x := answers[i][j]; !x.Allowed {
				lacking = append(lacking, lack(role, q.Sid, a, q.Resource, x.Explicit))
			}
		}
	}
	return lacking, nil
}

// lack is an action that a role may not use, with how bad it is for a controller to lack it.
func lack(role, sid, action, resource string, explicit bool) checks.Lack {
	partition := "aws"
	if parts := strings.Split(role, ":"); len(parts) > 1 {
		partition = parts[1]
	}
	l := checks.Lack{Sid: sid, Action: action, Resource: resource, Explicit: explicit, Severity: doctor.Note}
	switch always, standard := iampolicy.Needed(partition, sid, action); {
	case always:
		l.Severity = doctor.Error
	case standard:
		l.Severity = doctor.Warning
	}
	return l
}

// isRole reports whether a caller, by its ARN, is a session of a role.
func isRole(caller, role string) bool {
	if caller == role { // a user
		return true
	}
	of := strings.Split(caller, ":")
	session := strings.Split(caller, "/") // arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION
	as := strings.Split(role, ":")
	return len(session) == 3 && strings.HasSuffix(session[0], ":assumed-role") && len(as) > 4 && of[4] == as[4] &&
		session[1] == role[strings.LastIndexByte(role, '/')+1:]
}
