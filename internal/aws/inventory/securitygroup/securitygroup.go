// Package securitygroup caches the security groups of the VPC, with inbound rules and tags, and others that were looked
// up by id. It reads them, and records writes. Package sgsync (internal/targets) decides which rules they should have.
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
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const (
	// Lifetime is how long the list, and the rules of one group, are believed.
	Lifetime        = 10 * time.Minute
	foreignLifetime = 20 * time.Minute // names and tags of groups of other VPCs
	// Batch is how many groups Read names in one call: EC2 admits no more values in a filter.
	Batch = 200
)

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

// Groups is the known state of security groups. It is safe for concurrent use, and holds no lock over a call. Maps and
// slices that its methods return must not be changed; they do not change either.
type Groups struct {
	cfg     Config
	ec2     awsclient.EC2
	list    *cache.Value[struct{}] // whether byID is the VPC's list; the groups themselves are below
	rules   *cache.Cache[string, *group]
	foreign *cache.Cache[string, facts.SecurityGroup]
	lists   atomic.Uint64 // lists that were read, and groups that they lacked and got back

	mu        sync.Mutex
	byID      map[string]*group
	history   order.History                  // of writes and Forget
	forgotten order.Mark                     // of the newest Forget
	asOf      order.Mark                     // at which the newest list began
	gone      map[string]order.Mark          // of deletions by this process, as long as a list may still show the groups
	view      map[string]facts.SecurityGroup // groups of the VPC as facts; nil = to be made
	// ofBackend are the groups of the VPC with the tags and the name of the backend group, and ofCluster those with the
	// cluster's tag.
	ofBackend, ofCluster map[string]bool
}

// group is one group. It is not changed once it is shared.
type group struct {
	awsop.SecurityGroup
	vpc   string
	wrote order.Mark // it is known to include what was written up to it
}

func (x *group) facts() facts.SecurityGroup {
	return facts.SecurityGroup{ID: x.GroupID, Name: x.Name, VPC: x.vpc, Tags: x.Tags}
}

// New makes Groups of which nothing is known.
func New(client awsclient.EC2, cfg Config) *Groups {
	g := &Groups{cfg: cfg, ec2: client, byID: map[string]*group{}, history: order.New(cfg.Now),
		gone: map[string]order.Mark{}, ofBackend: map[string]bool{}, ofCluster: map[string]bool{}}
	g.list = cache.NewValue(cache.Config{
		Now: cfg.Now, Lifetime: Lifetime, Stale: cache.Stale, Wait: cfg.Wait, Passing: awsclient.Passing,
	}, g.readList)
	g.rules = cache.New(cache.Config{
		Now: cfg.Now, Lifetime: Lifetime, Stale: cache.Stale, Wait: cfg.Wait, Passing: awsclient.Passing, Batch: 1,
	}, cache.One(g.readGroup))
	g.foreign = cache.New(cache.Config{
		Now: cfg.Now, Lifetime: foreignLifetime, Absence: cache.AbsencePauses, Stale: cache.Stale, Wait: cfg.Wait,
		Passing: awsclient.Passing, Batch: Batch - 1,
	}, g.readForeign)
	return g
}

// describe makes one call. The groups include what was written before it.
func (g *Groups) describe(ctx context.Context, in *ec2.DescribeSecurityGroupsInput) (out []*group, next *string,
	err error) {
	began := g.Now()
	page, err := g.ec2.DescribeSecurityGroups(ctx, in)
	if err != nil {
		return nil, nil, fmt.Errorf("describing security groups: %w", err)
	}
	for _, x := range page.SecurityGroups {
		known := awsop.SecurityGroup{GroupID: aws.ToString(x.GroupId), SecurityGroup: stack.SecurityGroup{
			Name: aws.ToString(x.GroupName), Description: aws.ToString(x.Description),
			Ingress: awsclient.FromPermissions(x.IpPermissions), Tags: awsclient.ComputeTags(x.Tags),
		}}
		out = append(out, &group{known, aws.ToString(x.VpcId), began})
	}
	return out, page.NextToken, nil
}

func filter(name string, values ...string) ec2types.Filter {
	return ec2types.Filter{Name: aws.String(name), Values: values}
}

// observed are groups for the observation of a stack; their identities are the caller's to fill in.
func observed(groups []*group) (out []awsop.SecurityGroup) {
	for _, x := range groups {
		out = append(out, x.SecurityGroup)
	}
	return out
}

// Page reads the page of the list of the VPC's groups that begins at a token, and returns the token of the next one.
func (g *Groups) Page(ctx context.Context, token *string) (groups []awsop.SecurityGroup, next *string, err error) {
	got, next, err := g.describe(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{filter("vpc-id", g.cfg.VPC)}, MaxResults: aws.Int32(1000), NextToken: token})
	return observed(got), next, err
}

// Named reads the group of the VPC with a name. One that does not exist is no error.
func (g *Groups) Named(ctx context.Context, name string) ([]awsop.SecurityGroup, error) {
	got, _, err := g.describe(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{filter("vpc-id", g.cfg.VPC),
		filter("group-name", name)}})
	g.take(got)
	return observed(got), err
}

// Read reads groups by id, whatever is known of them. One that does not exist is missing from the result.
func (g *Groups) Read(ctx context.Context, ids ...string) (out []awsop.SecurityGroup, err error) {
	for batch := range slices.Chunk(ids, Batch) {
		// A filter, unlike ids, does not fail for a group that does not exist.
		got, _, err := g.describe(ctx, &ec2.DescribeSecurityGroupsInput{
			Filters: []ec2types.Filter{filter("group-id", batch...)}})
		if err != nil {
			return nil, err
		}
		g.take(got)
		out = append(out, observed(got)...)
	}
	return out, nil
}

// ConfirmMissing reads groups that the list lacks and that a load balancer is about to lose, and reports whether any of
// them exists. The list has these from then on. Without a list nothing is read: none decided about them.
func (g *Groups) ConfirmMissing(ctx context.Context, ids []string) (found bool, err error) {
	for _, id := range ids {
		g.mu.Lock()
		_, there := g.byID[id]
		g.mu.Unlock()
		if _, listed := g.list.Peek(); there || !listed {
			continue
		}
		got, _, err := g.describe(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
		missing := err != nil && awsclient.Classify(err).Class == diag.NotFound
		gone, err := absence.OfRead(len(got) > 0, missing, err)
		if err != nil {
			return false, fmt.Errorf("looking whether security group %s, which the list lacks, exists: %w", id, err)
		}
		if !gone.Proven() && got[0].vpc == g.cfg.VPC {
			g.take(got)
			g.lists.Add(1)
			found = true
		}
	}
	return found, nil
}

// Lists counts the lists that were read, and the groups that they lacked and got back.
func (g *Groups) Lists() uint64 { return g.lists.Load() }

// take takes over groups that were just read, unless they were written to meanwhile. Their rules keep their age, as
// ForgetRules may have been called meanwhile.
func (g *Groups) take(groups []*group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, x := range groups {
		if g.includes(x) {
			g.keep(x.GroupID, x)
		}
	}
}

// includes reports whether all that is known to be written to a group was written before it was read. The lock is held.
func (g *Groups) includes(x *group) bool {
	was := g.byID[x.GroupID]
	return x.wrote.Covers(g.gone[x.GroupID]) && (was == nil || x.wrote.Covers(was.wrote))
}

// Now returns the mark of what is read from now on.
func (g *Groups) Now() order.Mark {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.history.Now()
}

// Replace takes over a complete list of the VPC's groups that was read by Page from a mark on. Groups that were written
// to, or read, later stay as they are.
func (g *Groups) Replace(groups []awsop.SecurityGroup, began order.Mark) {
	if g.replace(groups, began); !g.forgottenSince(began) {
		g.list.Put(struct{}{})
	}
}

// forgottenSince reports whether Forget was called since a list began.
func (g *Groups) forgottenSince(began order.Mark) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !began.Covers(g.forgotten)
}

func (g *Groups) replace(groups []awsop.SecurityGroup, began order.Mark) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !began.Covers(g.asOf) { // a younger list is known
		return
	}
	listed := make(map[string]bool, len(groups))
	for _, x := range groups {
		listed[x.GroupID] = true
		if x := (&group{x, g.cfg.VPC, began}); g.includes(x) {
			g.store(x)
		}
	}
	for id, x := range g.byID {
		if !listed[id] && began.Covers(x.wrote) {
			g.keep(id, nil)
		}
	}
	maps.DeleteFunc(g.gone, func(_ string, deleted order.Mark) bool { return began.Covers(deleted) })
	g.asOf = began
	g.lists.Add(1)
}

// store takes over a group that was just read. The lock is held.
func (g *Groups) store(x *group) {
	g.keep(x.GroupID, x)
	g.rules.Put(x.GroupID, x)
}

func (g *Groups) readList(ctx context.Context) (struct{}, error) {
	began := g.Now()
	var groups []awsop.SecurityGroup
	for token, more := (*string)(nil), true; more; more = aws.ToString(token) != "" {
		page, next, err := g.Page(ctx, token)
		if err != nil {
			return struct{}{}, err
		}
		groups, token = append(groups, page...), next
	}
	g.replace(groups, began)
	return struct{}{}, nil
}

func (g *Groups) readGroup(ctx context.Context, id string) (*group, bool, error) {
	got, _, err := g.describe(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	if err != nil {
		return nil, false, fmt.Errorf("security group %s: %w", id, err)
	}
	if len(got) == 0 {
		return nil, false, fmt.Errorf("describing security group %s: no such group in the answer", id)
	}
	g.take(got)
	return got[0], true, nil
}

func (g *Groups) readForeign(ctx context.Context, ids []string) (map[string]facts.SecurityGroup, error) {
	got, _, err := g.describe(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{filter("group-id", ids...)}})
	out := map[string]facts.SecurityGroup{}
	for _, x := range got {
		out[x.GroupID] = x.facts()
	}
	return out, err
}

// OfVPC returns the groups of the VPC by id. If listing them again fails for a passing reason, those that were known
// serve on.
func (g *Groups) OfVPC(ctx context.Context) (map[string]facts.SecurityGroup, error) {
	if err := g.young(ctx); err != nil {
		return nil, err
	}
	return g.facts(), nil
}

// AtHand returns the groups of the VPC for a caller that concludes nothing from what is missing among them: those that
// were listed last serve on while they are listed again.
func (g *Groups) AtHand(ctx context.Context) (map[string]facts.SecurityGroup, error) {
	if err := g.atHand(ctx); err != nil {
		return nil, err
	}
	return g.facts(), nil
}

// TagsAtHand returns the tags of single groups of the VPC, as AtHand has them; nil = of a group that it does not have.
func (g *Groups) TagsAtHand(ctx context.Context) func(id string) map[string]string {
	err := g.atHand(ctx)
	return func(id string) map[string]string {
		g.mu.Lock()
		defer g.mu.Unlock()
		if x := g.byID[id]; err == nil && x != nil && x.vpc == g.cfg.VPC {
			return x.Tags
		}
		return nil
	}
}

// young makes sure that the groups are listed for OfVPC.
func (g *Groups) young(ctx context.Context) error {
	return g.listed(ctx, func() error { _, err := g.list.Within(ctx, Lifetime); return err })
}

// atHand makes sure that the groups are listed for AtHand.
func (g *Groups) atHand(ctx context.Context) error {
	return g.listed(ctx, func() error { _, err := g.list.Get(ctx); return err })
}

// listed calls read to make sure of a list, and again if the list was forgotten meanwhile.
func (g *Groups) listed(ctx context.Context, read func() error) error {
	if err := g.cfg.Loaded(ctx); err != nil {
		return err
	}
	for {
		began := g.Now()
		if err := read(); err != nil {
			return err
		}
		if !g.forgottenSince(began) {
			return nil
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

// Foreign finds groups of any VPC by id. One that does not exist is missing from the result, which belongs to the
// caller.
func (g *Groups) Foreign(ctx context.Context, ids []string) (map[string]facts.SecurityGroup, error) {
	return g.foreign.Get(ctx, ids...)
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
	g.forgotten = g.history.Next()
	g.mu.Unlock()
	g.list.Forget()
}

// ForgetForeign has groups of other VPCs read again; no id stands for all.
func (g *Groups) ForgetForeign(ids ...string) { g.foreign.Forget(ids...) }
