// Package securitygroup holds what is known of the security groups of the VPC, with inbound rules and tags, and of others that were looked up
// by id.
// It reads them, and takes over what is written; which rules should be there is decided in internal/secgroup.
// It may import cache, cloud, facts, naming, plan, stack and the AWS SDK.
//
//	what is known of a group            | what Rules returns | what RulesAtHand returns
//	rules within Lifetime               | them               | them
//	older rules                         | what AWS answers   | the new ones if AWS gives them within a moment, else the old ones
//	a read that began before a write    | for its callers, what it gave; the next call reads again
//	a list that began before a write    | the group stays as it was written; a deleted one stays away
package securitygroup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/cache"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	// Lifetime is how long the list, and the rules of one group, are believed.
	Lifetime        = 10 * time.Minute
	foreignLifetime = 20 * time.Minute // names and tags of groups of other VPCs
	// filterValues is how many values EC2 admits in one filter.
	filterValues = 200
)

// absencePauses are those between reads of a group that does not exist.
var absencePauses = backoff.Policy{First: 10 * time.Second, Longest: 5 * time.Minute}

// Config says which groups are meant.
type Config struct {
	Cluster, VPC string
	// Now is the clock of lifetimes.
	Now func() time.Time
	// Wait is how long, in real time, a caller waits for a new answer where an old one serves.
	Wait time.Duration
	// Loaded makes sure that a first list was taken over by Replace, which holds nearly every group that is asked for.
	Loaded func(context.Context) error
}

// Groups is what is known of security groups. It is safe for concurrent use, and holds no lock over a call. Maps and slices that its methods
// return must not be changed; they do not change either.
type Groups struct {
	cfg     Config
	ec2     cloud.EC2
	list    *cache.Value[struct{}] // whether byID is the VPC's list; the groups themselves are below
	rules   *cache.Cache[string, *group]
	foreign *cache.Cache[string, facts.SecurityGroup]

	mu      sync.Mutex
	byID    map[string]*group
	gone    map[string]int64               // value of writes when this process deleted a group, as long as a list may still show it
	writes  int64                          // grows with each Record
	forgets int64                          // grows with each Forget
	asOf    int64                          // value of writes when the newest list began
	view    map[string]facts.SecurityGroup // groups of the VPC as facts; nil = to be made
}

// group is one group. It is not changed once it is shared.
type group struct {
	elb.SecurityGroup
	vpc   string
	wrote int64 // value of writes that it is known to include
}

func (x *group) facts() facts.SecurityGroup {
	return facts.SecurityGroup{ID: x.GroupID, Name: x.Name, VPC: x.vpc, Tags: x.Tags}
}

// New makes Groups of which nothing is known.
func New(client cloud.EC2, cfg Config) *Groups {
	g := &Groups{cfg: cfg, ec2: client, byID: map[string]*group{}, gone: map[string]int64{}}
	g.list = cache.NewValue(cache.Config[struct{}, struct{}]{
		Now: cfg.Now, Lifetime: Lifetime, Stale: cache.Stale, Wait: cfg.Wait, Passing: cloud.Passing,
	}, g.readList)
	g.rules = cache.New(cache.Config[string, *group]{
		Now: cfg.Now, Lifetime: Lifetime, Stale: cache.Stale, Wait: cfg.Wait, Passing: cloud.Passing, Batch: 1, Read: cache.One(g.readGroup),
	})
	g.foreign = cache.New(cache.Config[string, facts.SecurityGroup]{
		Now: cfg.Now, Lifetime: foreignLifetime, Absence: absencePauses, Stale: cache.Stale, Wait: cfg.Wait, Passing: cloud.Passing,
		Batch: filterValues - 1, Read: g.readForeign,
	})
	return g
}

// Observed is a group for a stack's observation; its identity is the caller's to fill in.
func Observed(g *ec2types.SecurityGroup) elb.SecurityGroup {
	return elb.SecurityGroup{GroupID: aws.ToString(g.GroupId), SecurityGroup: stack.SecurityGroup{
		Name: aws.ToString(g.GroupName), Description: aws.ToString(g.Description),
		Ingress: cloud.FromPermissions(g.IpPermissions), Tags: cloud.ComputeTags(g.Tags),
	}}
}

func described(g *ec2types.SecurityGroup, wrote int64) *group {
	return &group{SecurityGroup: Observed(g), vpc: aws.ToString(g.VpcId), wrote: wrote}
}

// Listing is the moment at which a list begins to be read.
type Listing struct{ writes, forgets int64 }

// BeginListing is called before a list of the VPC's groups is read for Replace.
func (g *Groups) BeginListing() Listing {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Listing{g.writes, g.forgets}
}

// Replace takes over a complete list of the VPC's groups that began then. Groups that were written to, or read, later stay as they are.
func (g *Groups) Replace(groups []elb.SecurityGroup, began Listing) {
	if g.replace(groups, began.writes); !g.forgotten(began) {
		g.list.Put(struct{}{})
	}
}

// forgotten reports whether Forget was called since a list began.
func (g *Groups) forgotten(began Listing) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.forgets != began.forgets
}

func (g *Groups) replace(groups []elb.SecurityGroup, writes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if writes < g.asOf { // a younger list is known
		return
	}
	old := g.byID
	g.byID = make(map[string]*group, len(groups))
	for _, x := range groups {
		if was := old[x.GroupID]; g.gone[x.GroupID] <= writes && (was == nil || was.wrote <= writes) {
			g.store(&group{x, g.cfg.VPC, writes})
		}
	}
	for id, x := range old {
		if x.wrote > writes {
			g.byID[id] = x
		}
	}
	maps.DeleteFunc(g.gone, func(_ string, deleted int64) bool { return deleted <= writes })
	g.asOf, g.view = writes, nil
}

// store takes over a group that was just read. The lock is held.
func (g *Groups) store(x *group) {
	g.byID[x.GroupID], g.view = x, nil
	g.rules.Put(x.GroupID, x)
}

func (g *Groups) readList(ctx context.Context) (struct{}, error) {
	began := g.BeginListing()
	var groups []elb.SecurityGroup
	in := &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{g.cfg.VPC}}}, MaxResults: aws.Int32(1000)}
	for p := ec2.NewDescribeSecurityGroupsPaginator(g.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return struct{}{}, fmt.Errorf("describing security groups: %w", err)
		}
		for n := range page.SecurityGroups {
			groups = append(groups, Observed(&page.SecurityGroups[n]))
		}
	}
	g.replace(groups, began.writes)
	return struct{}{}, nil
}

func (g *Groups) readGroup(ctx context.Context, id string) (*group, bool, error) {
	began := g.BeginListing()
	out, err := g.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	if err != nil {
		return nil, false, fmt.Errorf("describing security group %s: %w", id, err)
	}
	if len(out.SecurityGroups) == 0 {
		return nil, false, fmt.Errorf("describing security group %s: no such group in the answer", id)
	}
	x := described(&out.SecurityGroups[0], began.writes)
	g.mu.Lock()
	defer g.mu.Unlock()
	if was := g.byID[id]; g.gone[id] <= began.writes && (was == nil || was.wrote <= began.writes) {
		g.byID[id], g.view = x, nil
	}
	return x, true, nil
}

func (g *Groups) readForeign(ctx context.Context, ids []string) (map[string]facts.SecurityGroup, error) {
	out := map[string]facts.SecurityGroup{}
	// A filter, unlike ids, does not fail for a group that does not exist.
	in := &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: ids}}, MaxResults: aws.Int32(1000)}
	for p := ec2.NewDescribeSecurityGroupsPaginator(g.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing security groups: %w", err)
		}
		for n := range page.SecurityGroups {
			x := described(&page.SecurityGroups[n], 0)
			out[x.GroupID] = x.facts()
		}
	}
	return out, nil
}

// OfVPC are the groups of the VPC by id. If listing them again fails for a passing reason, those that were known serve on.
func (g *Groups) OfVPC(ctx context.Context) (map[string]facts.SecurityGroup, error) {
	if err := g.cfg.Loaded(ctx); err != nil {
		return nil, err
	}
	return g.listed(func() error { _, err := g.list.Within(ctx, Lifetime); return err })
}

// AtHand are the groups of the VPC for a caller that concludes nothing from what is missing among them: those that were listed last serve on
// while they are listed again.
func (g *Groups) AtHand(ctx context.Context) (map[string]facts.SecurityGroup, error) {
	if err := g.cfg.Loaded(ctx); err != nil {
		return nil, err
	}
	return g.listed(func() error { _, err := g.list.Get(ctx); return err })
}

// listed are the groups of the VPC after read has made sure of a list, which is read again if it was forgotten meanwhile.
func (g *Groups) listed(read func() error) (map[string]facts.SecurityGroup, error) {
	for {
		began := g.BeginListing()
		if err := read(); err != nil {
			return nil, err
		}
		if !g.forgotten(began) {
			return g.facts(), nil
		}
	}
}

func (g *Groups) facts() map[string]facts.SecurityGroup {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.view == nil {
		g.view = map[string]facts.SecurityGroup{}
		for id, x := range g.byID {
			if x.vpc == g.cfg.VPC {
				g.view[id] = x.facts()
			}
		}
	}
	return g.view
}

// Foreign finds groups of any VPC by id. One that does not exist is missing from the result, which belongs to the caller.
func (g *Groups) Foreign(ctx context.Context, ids []string) (map[string]facts.SecurityGroup, error) {
	return g.foreign.Get(ctx, ids...)
}

// Rules lists the inbound rules of a group, one source each, of the VPC or not. A group that does not exist is EC2's error
// InvalidGroup.NotFound.
func (g *Groups) Rules(ctx context.Context, id string) ([]stack.Permission, error) {
	if err := g.cfg.Loaded(ctx); err != nil {
		return nil, err
	}
	got, err := g.rules.Within(ctx, Lifetime, id)
	if err == nil {
		err = g.rules.Failure(id) // else older rules would serve
	}
	if err != nil {
		return nil, err
	}
	if got[id] == nil {
		return nil, fmt.Errorf("security group %s was deleted while its rules were read", id)
	}
	return got[id].Ingress, nil
}

// RulesAtHand are the rules of a group as they were read last, for a caller that takes nothing away for want of a rule among them; young
// says that they are as Rules would give them. Rules that serve on are read again meanwhile.
func (g *Groups) RulesAtHand(ctx context.Context, id string) (rules []stack.Permission, young bool, err error) {
	if err := g.cfg.Loaded(ctx); err != nil {
		return nil, false, err
	}
	noted, stale := cache.NoteStale(ctx)
	got, err := g.rules.Get(noted, id)
	if err != nil {
		return nil, false, err
	}
	if got[id] == nil { // forgotten meanwhile
		rules, err = g.Rules(ctx, id)
		return rules, true, err
	}
	if stale() {
		cache.MarkStale(ctx)
	}
	return got[id].Ingress, !stale(), nil
}

// Admitting lists the groups of the VPC that have an inbound rule whose source is a group, sorted; none if they cannot be read.
func (g *Groups) Admitting(ctx context.Context, source string) []string {
	if _, err := g.OfVPC(ctx); err != nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for id, x := range g.byID {
		if slices.ContainsFunc(x.Ingress, func(p stack.Permission) bool { return p.Group.Literal == source }) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Gone reports whether this process deleted a group that a list under way may still show.
func (g *Groups) Gone(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, gone := g.gone[id]
	return gone
}

// Forget has the groups of the VPC listed again, also if they are being listed just now.
func (g *Groups) Forget() {
	g.mu.Lock()
	g.forgets++
	g.mu.Unlock()
	g.list.Forget()
}

// ForgetRules has the rules of a group read again.
func (g *Groups) ForgetRules(id string) {
	g.rules.Forget(id) // also what is being read
	g.rules.Delete(id)
}

// ForgetForeign has groups of other VPCs read again; no id stands for all.
func (g *Groups) ForgetForeign(ids ...string) { g.foreign.Forget(ids...) }
