package targetgroup

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// maxTargetsPerCall is how many targets one call registers or deregisters.
const maxTargetsPerCall = 1000

type targetID struct {
	id   string
	port int32
}

// invalidTarget is the answer to a target that the account's state does not allow.
func invalidTarget(format string, args ...any) error {
	return apierr.New("InvalidTarget", format, args...)
}

// RegisterTargets registers all given targets or none. Registered targets do not change. Draining targets are
// registered again, with the given zone and server id.
func (s *TargetGroups) RegisterTargets(ctx context.Context, in *elb.RegisterTargetsInput, _ ...func(*elb.Options)) (
	*elb.RegisterTargetsOutput, error) {
	return call.Write(ctx, s.entry, "RegisterTargets", in, s.registerTargets)
}

func (s *TargetGroups) registerTargets(in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	if err := check.First(check.Present("targetGroupArn", in.TargetGroupArn), checkDescriptions(in.Targets)); err != nil {
		return nil, err
	}
	tg, err := request.FindTargetGroup(s.account, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	s.account.PurgeTargets(tg)
	now := s.account.Clock.Now()
	wanted := make([]*account.Target, len(in.Targets))
	for i, d := range in.Targets {
		t, err := s.wantedTarget(tg, d)
		if err != nil {
			return nil, err
		}
		t.Registered = now
		wanted[i] = t
	}
	if err := s.checkServerIDs(tg, wanted); err != nil {
		return nil, err
	}
	if err := checkTargetQuotas(s.account, tg, wanted); err != nil {
		return nil, err
	}
	for _, t := range wanted {
		have := tg.Target(t.ID, t.Port)
		switch {
		case have == nil:
			tg.AddTarget(t)
		case !have.GoneAt.IsZero():
			have.GoneAt, have.Reported, have.Registered = time.Time{}, nil, now
			have.Zone, have.QUICServerID = t.Zone, t.QUICServerID // it was deregistered, which they need to change
		}
	}
	return &elb.RegisterTargetsOutput{}, nil
}

// checkDescriptions checks the shape of the targets of a request.
func checkDescriptions(targets []types.TargetDescription) error {
	if err := check.First(check.Some("targets", targets),
		check.When(len(targets) > maxTargetsPerCall, check.Invalid("You cannot specify more than '%d' targets",
			maxTargetsPerCall))); err != nil {
		return err
	}
	for _, d := range targets {
		if err := check.First(check.Present("targets.member.id", d.Id), check.Between("targets.member.port", d.Port, 1,
			65535)); err != nil {
			return err
		}
	}
	return nil
}

// checkServerIDs requires that QUIC targets of one listener have server ids of their own. The same target may have the
// same id in several target groups and at several ports.
func (s *TargetGroups) checkServerIDs(tg *account.TargetGroup, wanted []*account.Target) error {
	if !IsQUIC(tg.Protocol) {
		return nil
	}
	holder := map[string]string{} // server id → target
	for _, o := range s.besides(tg) {
		for _, t := range o.Targets {
			holder[t.QUICServerID] = t.ID
		}
	}
	for _, t := range wanted {
		if have := tg.Target(t.ID, t.Port); have != nil && have.GoneAt.IsZero() {
			continue // it stays as it is
		}
		if id, taken := holder[t.QUICServerID]; taken && id != t.ID {
			return check.Invalid("The QUIC server ID '%s' is already used by the target '%s'", t.QUICServerID, id)
		}
		holder[t.QUICServerID] = t.ID
	}
	return nil
}

// besides is the target groups that share a listener with tg, and tg itself.
func (s *TargetGroups) besides(tg *account.TargetGroup) []*account.TargetGroup {
	out := []*account.TargetGroup{tg}
	for _, r := range tg.UsedBy() {
		for _, o := range r.Listener.Rules {
			for _, arn := range o.TargetGroups() {
				if other := s.account.TargetGroups[arn]; !slices.Contains(out, other) {
					out = append(out, other)
				}
			}
		}
	}
	return out
}

// DeregisterTargets lets targets drain; those that are not registered are no error.
func (s *TargetGroups) DeregisterTargets(ctx context.Context, in *elb.DeregisterTargetsInput, _ ...func(*elb.Options)) (
	*elb.DeregisterTargetsOutput, error) {
	return call.Write(ctx, s.entry, "DeregisterTargets", in, func(in *elb.DeregisterTargetsInput) (
		*elb.DeregisterTargetsOutput, error) {
		if err := check.First(check.Present("targetGroupArn", in.TargetGroupArn), checkDescriptions(in.Targets)); err != nil {
			return nil, err
		}
		tg, err := request.FindTargetGroup(s.account, in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		ids := make([]targetID, len(in.Targets))
		for i, d := range in.Targets {
			if ids[i], err = identity(tg, d); err != nil {
				return nil, err
			}
			if tg.TargetType == "instance" && !instanceID.MatchString(ids[i].id) && tg.Target(ids[i].id, ids[i].port) == nil {
				return nil, invalidTarget("Instance ID '%s' is not valid", ids[i].id)
			}
		}
		seconds, _ := strconv.Atoi(tg.Attributes[deregDelay]) // functions have none
		drain := s.account.DrainFor(tg, time.Duration(seconds)*time.Second)
		gone := s.account.Clock.Now().Add(drain)
		for _, id := range ids {
			if t := tg.Target(id.id, id.port); t != nil && t.GoneAt.IsZero() {
				t.LeftAt, t.GoneAt, t.Reported = s.account.Clock.Now(), gone, nil
			}
		}
		if drain <= 0 {
			s.account.PurgeTargets(tg)
			return &elb.DeregisterTargetsOutput{}, nil
		}
		s.account.Clock.AfterFunc(drain, func() {
			s.account.Lock()
			s.account.PurgeTargets(tg)
			s.account.Unlock()
			s.account.Changed()
		})
		return &elb.DeregisterTargetsOutput{}, nil
	})
}

// identity is the target that a description names.
func identity(tg *account.TargetGroup, d types.TargetDescription) (targetID, error) {
	if err := check.First(check.Present("targets.member.id", d.Id), check.Between("targets.member.port", d.Port, 1,
		65535)); err != nil {
		return targetID{}, err
	}
	id := targetID{*d.Id, tg.Port}
	if d.Port != nil {
		id.port = *d.Port
	}
	if addr, err := netip.ParseAddr(id.id); err == nil && tg.TargetType == "ip" {
		id.id = addr.String()
	}
	return id, nil
}

// TargetedBy is a target group that has the load balancer as a target, on that port or on any (0); nil if there is
// none.
func TargetedBy(a *account.Account, lb *account.LoadBalancer, port int32) *account.TargetGroup {
	for _, tg := range a.TargetGroups {
		if tg.TargetType != "alb" || port != 0 && tg.Port != port {
			continue
		}
		if t := tg.Target(lb.ARN, tg.Port); t != nil && t.GoneAt.IsZero() {
			return tg
		}
	}
	return nil
}
