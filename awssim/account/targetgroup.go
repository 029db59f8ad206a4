package account

import (
	"cmp"
	"slices"
	"time"
)

// TargetGroup is one target group.
type TargetGroup struct {
	ARN             string
	Name            string
	TargetType      string // instance, ip, lambda, alb
	Protocol        string // empty for lambda
	ProtocolVersion string // HTTP1, HTTP2, GRPC; empty for protocols of network load balancers
	Port            int32  // 0 for lambda
	VPC             string
	IPAddressType   string // ipv4, ipv6; empty for lambda
	ControlPort     int32  // 0: none
	HealthCheck     HealthCheck
	Attributes      map[string]string // every key of its kind, defaults included
	Tags            map[string]string
	Targets         []*Target // in the order of registration, draining ones included
	LoadBalancer    *LoadBalancer
	UsedSince       time.Time // when LoadBalancer began to use it
	ReleasedAt      time.Time // when the last rule ceased to name it
	ReleasedFrom    string    // load balancer that it belonged to until then
	Seq             uint64

	rules    map[string]*Rule // that name it, by ARN
	byTarget map[targetKey]*Target
}

// HealthCheck is how a target group's targets are checked.
type HealthCheck struct {
	Enabled            bool
	Protocol           string
	Port               string // traffic-port or decimal
	Path               string // HTTP and HTTPS only
	HTTPCodes          string // "200,202" or "200-399"; empty when GRPCCodes or the protocol is TCP
	GRPCCodes          string
	Interval           int32 // seconds
	Timeout            int32 // seconds
	HealthyThreshold   int32
	UnhealthyThreshold int32
}

// Target is one registration. Its identity is ID and Port.
type Target struct {
	ID           string
	Port         int32  // 0 for lambda
	Zone         string // where it is, or "all"; empty for lambda and alb
	QUICServerID string
	Registered   time.Time
	LeftAt       time.Time // when it was deregistered; zero unless draining
	GoneAt       time.Time // when draining ends; zero unless draining
	Reported     *Health   // the outcome of the last check; nil: none yet
	History      []HealthChange
}

// HealthChange is a report of health checks at its time.
type HealthChange struct {
	Time time.Time
	Health
}

// maxHistory is how many reports a target keeps.
const maxHistory = 20

// report notes the outcome of a check.
func (t *Target) report(now time.Time, h Health) {
	t.Reported = &h
	if len(t.History) >= maxHistory {
		t.History = append(t.History[:0:0], t.History[1:]...)
	}
	t.History = append(t.History, HealthChange{now, h})
}

// Health is a target's state with its reason and description, as DescribeTargetHealth spells them.
type Health struct{ State, Reason, Description string }

type targetKey struct {
	id   string
	port int32
}

// Used reports whether a rule names the target group.
func (tg *TargetGroup) Used() bool { return len(tg.rules) > 0 }

// UsedBy is the rules that name the target group, in the order of creation.
func (tg *TargetGroup) UsedBy() []*Rule {
	return inOrder(tg.rules, func(r *Rule) uint64 { return r.Seq })
}

// Target is the registration of that id and port, or nil.
func (tg *TargetGroup) Target(id string, port int32) *Target { return tg.byTarget[targetKey{id, port}] }

// AddTarget files a registration.
func (tg *TargetGroup) AddTarget(t *Target) {
	if tg.byTarget == nil {
		tg.byTarget = map[targetKey]*Target{}
	}
	tg.byTarget[targetKey{t.ID, t.Port}] = t
	tg.Targets = append(tg.Targets, t)
}

// Purge removes the targets whose draining is over, and those for which gone is true.
func (tg *TargetGroup) Purge(now time.Time, gone func(*Target) bool) {
	tg.Targets = slices.DeleteFunc(tg.Targets, func(t *Target) bool {
		if (t.GoneAt.IsZero() || now.Before(t.GoneAt)) && !gone(t) {
			return false
		}
		delete(tg.byTarget, targetKey{t.ID, t.Port})
		return true
	})
}

// AddTargetGroup files a target group by ARN and name.
func (a *Account) AddTargetGroup(tg *TargetGroup) {
	b := &a.Balancing
	if b.TargetGroups == nil {
		b.TargetGroups = map[string]*TargetGroup{}
	}
	tg.Seq = b.next()
	b.TargetGroups[tg.ARN] = tg
	b.name(nameOfTargetGroup+tg.Name, tg.ARN)
	a.CreatedBalancing(tg.ARN)
}

// TargetGroupNamed is the target group of that name, or nil.
func (b *Balancing) TargetGroupNamed(name string) *TargetGroup {
	return b.TargetGroups[b.named[nameOfTargetGroup+name]]
}

// TargetGroupsInOrder is every target group in the order of creation.
func (b *Balancing) TargetGroupsInOrder() []*TargetGroup {
	return inOrder(b.TargetGroups, func(tg *TargetGroup) uint64 { return tg.Seq })
}

// RemoveTargetGroup removes a target group that nothing uses.
func (b *Balancing) RemoveTargetGroup(tg *TargetGroup) {
	delete(b.TargetGroups, tg.ARN)
	delete(b.named, nameOfTargetGroup+tg.Name)
}

// SortedTargets is the targets by id and port.
func (tg *TargetGroup) SortedTargets() []*Target {
	out := slices.Clone(tg.Targets)
	slices.SortFunc(out, func(x, y *Target) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Port, y.Port))
	})
	return out
}
