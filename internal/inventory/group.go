package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// groupShelf holds the security groups of the VPC with their inbound rules, and others that were asked for. It is guarded by
// Inventory.mu.
type groupShelf struct {
	byID map[string]*knownGroup
	gone map[string]int64               // value of writes when this process deleted a group, as long as a listing may still show it
	asOf int64                          // value of writes when the newest listing of the VPC began
	at   time.Time                      // of that listing; zero = none, or not to be believed
	view map[string]facts.SecurityGroup // groups of the VPC as facts; nil = to be made

	drops int // how often it was forgotten
	behind
	rules map[string]*behind // reads of rules that serve on meanwhile, by group
}

// forget has the next caller list the groups again, also if they are being listed just now.
func (s *groupShelf) forget() {
	s.at, s.retry = time.Time{}, time.Time{}
	s.drops++
}

type knownGroup struct {
	facts   facts.SecurityGroup
	ingress []stack.Permission
	at      time.Time // when the rules were read; zero = not to be believed
	wrote   int64     // value of writes that the rules are known to include
}

func newGroupShelf() groupShelf {
	return groupShelf{byID: map[string]*knownGroup{}, gone: map[string]int64{}, rules: map[string]*behind{}}
}

func described(g *ec2types.SecurityGroup, at time.Time) *knownGroup {
	return &knownGroup{
		facts: facts.SecurityGroup{
			ID: aws.ToString(g.GroupId), Name: aws.ToString(g.GroupName), VPC: aws.ToString(g.VpcId), Tags: cloud.ComputeTags(g.Tags),
		},
		ingress: cloud.FromPermissions(g.IpPermissions),
		at:      at,
	}
}

// observedGroup is a group for a stack's observation; its identity is the caller's to fill in.
func observedGroup(g *ec2types.SecurityGroup) elb.SecurityGroup {
	return elb.SecurityGroup{GroupID: aws.ToString(g.GroupId), SecurityGroup: stack.SecurityGroup{
		Name: aws.ToString(g.GroupName), Description: aws.ToString(g.Description),
		Ingress: cloud.FromPermissions(g.IpPermissions), Tags: cloud.ComputeTags(g.Tags),
	}}
}

// replace takes a listing of the VPC over, unless a younger one is known; groups that were written to, or read, after writes that it
// does not know stay as they are.
func (s *groupShelf) replace(groups []ec2types.SecurityGroup, writes int64, drops int, now time.Time) {
	if writes < s.asOf {
		return
	}
	old := s.byID
	s.byID = make(map[string]*knownGroup, len(groups))
	for n := range groups {
		if g := described(&groups[n], now); s.gone[g.facts.ID] <= writes {
			s.byID[g.facts.ID] = g
		}
	}
	for id, g := range old {
		if g.wrote > writes {
			s.byID[id] = g
		}
	}
	maps.DeleteFunc(s.gone, func(_ string, deleted int64) bool { return deleted <= writes })
	s.asOf, s.at, s.view = writes, now, nil
	if s.drops != drops { // forgotten while it was read
		s.at = time.Time{}
	}
}

// record writes an operation through.
func (s *groupShelf) record(op plan.Operation, out plan.Output, resolve func(stack.Ref) string, writes int64, vpc string, now time.Time) {
	with := func(r stack.Ref, f func(*knownGroup)) {
		if g := s.byID[resolve(r)]; g != nil {
			g.wrote = writes
			f(g)
		}
	}
	retag := func(r stack.Ref, f func(map[string]string)) {
		with(r, func(g *knownGroup) {
			t := maps.Clone(g.facts.Tags)
			f(t)
			g.facts.Tags, s.view = t, nil
		})
	}
	switch op := op.(type) {
	case elb.CreateSecurityGroup:
		f := facts.SecurityGroup{ID: out.ID, Name: op.Group.Name, VPC: vpc, Tags: maps.Clone(op.Group.Tags)}
		s.byID[out.ID] = &knownGroup{facts: f, at: now, wrote: writes}
		s.view = nil
	case elb.DeleteSecurityGroup:
		id := resolve(op.Group)
		delete(s.byID, id)
		s.gone[id], s.view = writes, nil
	case elb.AuthorizeSecurityGroupIngress:
		with(op.Group, func(g *knownGroup) { g.ingress = op.After(g.ingress, resolve) })
	case elb.RevokeSecurityGroupIngress:
		with(op.Group, func(g *knownGroup) { g.ingress = op.After(g.ingress, resolve) })
	case elb.CreateTags:
		retag(op.Group, func(t map[string]string) { maps.Copy(t, op.Tags) })
	case elb.DeleteTags:
		retag(op.Group, func(t map[string]string) {
			for _, k := range op.Keys {
				delete(t, k)
			}
		})
	}
}

// vpcGroups makes sure that the groups of the VPC are known and returns them; the map must not be changed. If reading them again
// fails for a passing reason, those that were known serve on.
func (i *Inventory) vpcGroups(ctx context.Context) (map[string]facts.SecurityGroup, error) {
	if err := i.list(ctx, 1); err != nil {
		return nil, err
	}
	for {
		i.mu.Lock()
		if i.cfg.Now().Sub(i.groups.at) <= groupLifetime {
			defer i.mu.Unlock()
			return i.groupView(), nil
		}
		i.mu.Unlock()
		_, err := shared(ctx, i, "groups", func(ctx context.Context) (struct{}, error) { return struct{}{}, i.readGroups(ctx) })
		if err != nil && (!cloud.Passing(err) || ctx.Err() != nil) {
			return nil, err
		}
		if err != nil {
			i.mu.Lock()
			defer i.mu.Unlock()
			return i.groupView(), nil
		}
	}
}

// groupsAtHand are the groups of the VPC for whoever concludes nothing from what is missing among them without asking again: those that
// were listed last serve on while they are listed again. The map must not be changed.
func (i *Inventory) groupsAtHand(ctx context.Context) (map[string]facts.SecurityGroup, error) {
	i.mu.Lock()
	now := i.cfg.Now()
	if i.listed == 0 || now.Sub(i.groups.at) <= groupLifetime || !serves(i.groups.at, groupLifetime, now) {
		i.mu.Unlock()
		return i.vpcGroups(ctx)
	}
	old := i.groupView()
	i.mu.Unlock()
	return serveOn(ctx, i, &i.groups.behind, old, i.cfg.Moment, i.vpcGroups)
}

func (i *Inventory) readGroups(ctx context.Context) error {
	i.mu.Lock()
	writes, drops := i.writes, i.groups.drops
	i.mu.Unlock()
	groups, err := i.describeGroups(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil {
		i.groups.failed(err, i.cfg.Now())
		return err
	}
	i.groups.replace(groups, writes, drops, i.cfg.Now())
	return nil
}

// groupView is the groups of the VPC as facts. The lock is held.
func (i *Inventory) groupView() map[string]facts.SecurityGroup {
	if i.groups.view == nil {
		i.groups.view = map[string]facts.SecurityGroup{}
		for id, g := range i.groups.byID {
			if g.facts.VPC == i.cfg.VPC {
				i.groups.view[id] = g.facts
			}
		}
	}
	return i.groups.view
}

// GroupRules lists the inbound rules of a group, one source each, of the VPC or not. The slice must not be changed. A group
// that does not exist is EC2's error InvalidGroup.NotFound.
func (i *Inventory) GroupRules(ctx context.Context, id string) ([]stack.Permission, error) {
	if err := i.list(ctx, 1); err != nil { // which holds nearly every group that is asked for
		return nil, err
	}
	i.mu.Lock()
	if g := i.groups.byID[id]; g != nil && i.cfg.Now().Sub(g.at) <= groupLifetime {
		defer i.mu.Unlock()
		return g.ingress, nil
	}
	i.mu.Unlock()
	return shared(ctx, i, "group "+id, func(ctx context.Context) ([]stack.Permission, error) {
		i.mu.Lock()
		writes := i.writes
		i.mu.Unlock()
		out, err := i.clients.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
		if err != nil {
			return nil, fmt.Errorf("describing security group %s: %w", id, err)
		}
		if len(out.SecurityGroups) == 0 {
			return nil, fmt.Errorf("describing security group %s: no such group in the answer", id)
		}
		g := described(&out.SecurityGroups[0], i.cfg.Now())
		i.mu.Lock()
		defer i.mu.Unlock()
		g.wrote = writes
		if old := i.groups.byID[id]; old != nil && old.wrote > writes {
			g.at, g.wrote = time.Time{}, old.wrote // written to while we read: good enough for this caller, not for the next
		}
		if i.groups.gone[id] <= writes {
			i.groups.byID[id], i.groups.view = g, nil
		}
		return g.ingress, nil
	})
}

// RulesAtHand are the rules of a group as they were read last, for whoever takes nothing away for want of a rule among them; young tells
// that they are as GroupRules would give them. Rules that serve on are read again meanwhile.
func (i *Inventory) RulesAtHand(ctx context.Context, id string) (rules []stack.Permission, young bool, err error) {
	i.mu.Lock()
	g, now := i.groups.byID[id], i.cfg.Now()
	if i.listed == 0 || g == nil || now.Sub(g.at) <= groupLifetime || !serves(g.at, groupLifetime, now) {
		i.mu.Unlock()
		rules, err = i.GroupRules(ctx, id)
		return rules, true, err
	}
	old, b := g.ingress, i.groups.rules[id]
	if b == nil {
		b = &behind{}
		i.groups.rules[id] = b
	}
	i.mu.Unlock()
	type answer struct {
		rules []stack.Permission
		young bool
	}
	a, err := serveOn(ctx, i, b, answer{rules: old}, i.cfg.Moment, func(ctx context.Context) (answer, error) {
		rules, err := i.GroupRules(ctx, id)
		i.mu.Lock()
		defer i.mu.Unlock()
		if err == nil {
			delete(i.groups.rules, id)
			return answer{rules, true}, nil
		}
		b.failed(err, i.cfg.Now())
		return answer{}, err
	})
	return a.rules, a.young, err
}

// InvalidateGroup forgets the rules of a group.
func (i *Inventory) InvalidateGroup(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if g := i.groups.byID[id]; g != nil {
		g.at = time.Time{}
		delete(i.groups.rules, id)
	}
}

// OfAnotherCluster reports whether the controller of another cluster made a group, be it a moment ago. A group that cannot be read
// counts as such: nobody's rules are taken away because AWS did not answer.
func (i *Inventory) OfAnotherCluster(ctx context.Context, id string) bool {
	if tags, known := i.groupTags(id); known && i.foreignTo(tags) {
		_, _ = i.groupsAtHand(ctx) // so that it is noticed some time if this is no longer true
		return true
	}
	if _, err := i.vpcGroups(ctx); err != nil {
		return true
	}
	tags, err := i.readGroupTags(ctx, id)
	if err != nil {
		return !vanished(err)
	}
	return i.foreignTo(tags)
}

func (i *Inventory) describeForeignGroups(ctx context.Context, ids []string) (map[string]facts.SecurityGroup, error) {
	out := map[string]facts.SecurityGroup{}
	in := &ec2.DescribeSecurityGroupsInput{Filters: filter("group-id", ids...), MaxResults: aws.Int32(1000)}
	for p := ec2.NewDescribeSecurityGroupsPaginator(i.clients.EC2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing security groups: %w", err)
		}
		for n := range page.SecurityGroups {
			g := described(&page.SecurityGroups[n], i.cfg.Now())
			out[g.facts.ID] = g.facts
		}
	}
	return out, nil
}

func filter(name string, values ...string) []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String(name), Values: values}}
}

// foreignTo reports whether tags say that another cluster made a resource.
func (i *Inventory) foreignTo(tags map[string]string) bool {
	owner := tags[naming.ClusterTag]
	return owner != "" && owner != i.cfg.Cluster
}

// OfSeveralClusters reports whether the tags of a group name another cluster: kubernetes.io/cluster/NAME, as on the security groups of nodes.
// A group that cannot be read counts as such.
func (i *Inventory) OfSeveralClusters(ctx context.Context, id string) bool {
	tags, err := i.readGroupTags(ctx, id)
	if err != nil {
		return !vanished(err)
	}
	for k := range tags {
		if name, ok := strings.CutPrefix(k, naming.SubnetClusterTagPrefix); ok && name != i.cfg.Cluster {
			return true
		}
	}
	return false
}

// Admitting lists the groups of the VPC that have an inbound rule whose source is a group, sorted; none if they cannot be read.
func (i *Inventory) Admitting(ctx context.Context, source string) []string {
	if _, err := i.vpcGroups(ctx); err != nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []string
	for id, g := range i.groups.byID {
		if slices.ContainsFunc(g.ingress, func(p stack.Permission) bool { return p.Group.Literal == source }) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// readGroupTags are the tags of a group. One of another VPC, or younger than the listing, is read.
func (i *Inventory) readGroupTags(ctx context.Context, id string) (map[string]string, error) {
	if tags, known := i.groupTags(id); known {
		return tags, nil
	}
	if _, err := i.GroupRules(ctx, id); err != nil {
		return nil, err
	}
	tags, _ := i.groupTags(id)
	return tags, nil
}

func (i *Inventory) groupTags(id string) (tags map[string]string, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	g := i.groups.byID[id]
	if g == nil {
		return nil, false
	}
	return g.facts.Tags, true
}

// ClusterGroups lists the groups of the VPC that carry the cluster's tag, sorted.
func (i *Inventory) ClusterGroups(ctx context.Context) ([]string, error) {
	groups, err := i.vpcGroups(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for id, g := range groups {
		if v := g.Tags[naming.SubnetClusterTagPrefix+i.cfg.Cluster]; v == "owned" || v == "shared" {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}
