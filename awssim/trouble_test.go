package awssim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

func TestTheAccountDriftsBetweenTwoCalls(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	ctx := t.Context()
	group := wanted(s.compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("g"), Description: aws.String("d"), VpcId: &s.description.VPC.ID,
	}))(t).GroupId
	input, err := json.Marshal(map[string]string{"GroupId": *group})
	if err != nil {
		t.Fatal(err)
	}
	wanted(
		s.admin.AddFault(ctx, gate.Fault{Action: "CreateTags", Drift: &gate.Drift{
			Service: "ec2", Action: "DeleteSecurityGroup", Input: input}}))(t)
	_, err = s.compute.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*group}, Tags: []ec2types.Tag{
		{Key: aws.String("k"), Value: aws.String("v")}}})
	if apierr.CodeOf(err) != "InvalidGroup.NotFound" {
		t.Errorf("the group that somebody deleted: %v", err)
	}
	wanted(s.admin.AddFault(ctx, gate.Fault{Action: "DescribeVpcs", Drift: &gate.Drift{
		Service: "ec2", Action: "DeleteSecurityGroup", Input: json.RawMessage(`{"Lunch":1}`)}}))(t)
	if _, err := s.compute.DescribeVpcs(ctx, nil); apierr.CodeOf(err) != "InternalFailure" && err == nil {
		t.Errorf("a drift that cannot be: %v", err)
	}
}

func TestAWSsClockMayBeAheadAndTheSDKAdjusts(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	ctx := t.Context()
	if err := s.admin.SetTrouble(ctx, simclient.Trouble{ClockSkew: "10m"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.compute.DescribeVpcs(ctx, nil); apierr.CodeOf(err) != "RequestExpired" {
		t.Errorf("a late call: %v", err)
	}
	_, err := s.balancing.DescribeLoadBalancers(ctx, nil, func(o *elb.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	})
	if err != nil {
		t.Errorf("with retries: %v", err)
	}
	if calls := s.Gate.Calls(gate.Filter{Service: "elasticloadbalancing"}); len(calls) != 2 ||
		calls[0].Code != "SignatureDoesNotMatch" || calls[1].Failed() {
		t.Errorf("calls %+v", calls)
	}
	if err := s.admin.SetTrouble(ctx, simclient.Trouble{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.compute.DescribeVpcs(ctx, nil); err != nil {
		t.Errorf("without skew: %v", err)
	}
}

func TestAZoneGoesDownAndComesBack(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	s := serve(t, Options{DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond,
		HealthTimeout: time.Second})
	pod(t, network, "10.0.128.77", 8080, "zone a")
	pod(t, network, "10.0.144.77", 8080, "zone b")
	w, ctx := s.web(t), t.Context()
	w.allow(t, 80)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	w.register(t, "10.0.128.77", "10.0.144.77")
	w.healthy(t)
	if err := s.admin.SetTrouble(ctx, simclient.Trouble{ZonesOut: []string{"us-west-2a"}}); err != nil {
		t.Fatal(err)
	}
	health := func() map[string]string {
		states := map[string]string{}
		for _, d := range wanted(s.balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{
			TargetGroupArn: aws.String(w.tg)}))(t).TargetHealthDescriptions {
			states[*d.Target.Id] = string(d.TargetHealth.State)
		}
		return states
	}
	if got := health(); got["10.0.128.77"] != "unhealthy" || got["10.0.144.77"] != "healthy" {
		t.Errorf("targets are %v", got)
	}
	out := wanted(s.compute.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: []ec2types.Filter{{Name: aws.String("state"), Values: []string{"unavailable"}}}}))(t)
	if len(out.AvailabilityZones) != 1 || *out.AvailabilityZones[0].ZoneName != "us-west-2a" {
		t.Errorf("zones that are down: %+v", out.AvailabilityZones)
	}
	client, url := s.client(t), "http://"+w.dnsName+"/"
	client.Timeout = time.Second // until checks have noticed, requests for zone a hang
	answer := func() string {
		r, err := client.Get(url)
		if err != nil {
			return ""
		}
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil || r.StatusCode != http.StatusOK {
			return ""
		}
		return string(body)
	}
	until(t, func() bool {
		for range 4 {
			if answer() != "zone b" {
				return false
			}
		}
		return true
	})
	if err := s.admin.SetTrouble(ctx, simclient.Trouble{}); err != nil {
		t.Fatal(err)
	}
	w.healthy(t)
	until(t, func() bool { return answer() == "zone a" })
	if err := s.admin.SetTrouble(ctx, simclient.Trouble{ZonesOut: []string{"mars-1a"}}); err == nil {
		t.Error("a zone that does not exist went down")
	}
}

func TestAZonalShiftIsReportedWhereTheLoadBalancerAllowsIt(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	s := serve(t, Options{DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond})
	pod(t, network, "10.0.128.77", 8080, "zone a")
	pod(t, network, "10.0.144.77", 8080, "zone b")
	w, ctx := s.web(t), t.Context()
	w.allow(t, 80)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	w.register(t, "10.0.128.77", "10.0.144.77")
	w.healthy(t)
	shift := simclient.Trouble{Shifts: []simclient.Shift{{LoadBalancer: "we*", Zone: "us-west-2a"}}}
	overrides := func() string {
		states := map[string]string{}
		for _, d := range wanted(s.balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{
			TargetGroupArn: aws.String(w.tg), Include: []elbtypes.DescribeTargetHealthInputIncludeEnum{
				elbtypes.DescribeTargetHealthInputIncludeEnumAll},
		}))(t).TargetHealthDescriptions {
			states[*d.Target.Id] = string(d.AdministrativeOverride.State)
		}
		return states["10.0.128.77"] + " " + states["10.0.144.77"]
	}
	if err := s.admin.SetTrouble(ctx, shift); err != nil {
		t.Fatal(err)
	}
	if got := overrides(); got != "no_override no_override" {
		t.Errorf("the load balancer does not allow shifts: %s", got)
	}
	wanted(s.balancing.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: aws.String(w.lb), Attributes: []elbtypes.LoadBalancerAttribute{
			{Key: aws.String("zonal_shift.config.enabled"), Value: aws.String("true")}},
	}))(t)
	if got := overrides(); got != "zonal_shift_active no_override" {
		t.Errorf("the load balancer allows shifts: %s", got)
	}
	wanted(s.balancing.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: aws.String(w.tg), Attributes: []elbtypes.TargetGroupAttribute{
			{Key: aws.String("load_balancing.cross_zone.enabled"), Value: aws.String("false")}},
	}))(t)
	if got := overrides(); got != "zonal_shift_delegated_to_dns no_override" {
		t.Errorf("without cross-zone balancing: %s", got)
	}
	until(t, func() bool {
		for range 4 {
			if _, body := get(t, s.client(t), "http://"+w.dnsName+"/", ""); body != "zone b" {
				return false
			}
		}
		return true
	})
	if got, err := s.admin.Trouble(ctx); err != nil || len(got.Shifts) != 1 || got.Shifts[0] != shift.Shifts[0] {
		t.Errorf("%+v, %v", got, err)
	}
	for _, wrong := range []simclient.Shift{{LoadBalancer: "web", Zone: "mars-1a"}, {Zone: "us-west-2a"},
		{LoadBalancer: "[", Zone: "us-west-2a"}} {
		if err := s.admin.SetTrouble(ctx, simclient.Trouble{Shifts: []simclient.Shift{wrong}}); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}

// until waits for a condition.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	await.Until(t, "the condition of the test", holds)
}

func TestReadsLagBehindWrites(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := serve(t, Options{Clock: c, Profile: account.Instant()})
	ctx := t.Context()
	if err := s.admin.SetTimings(ctx, map[string]time.Duration{"stale": 2 * time.Second,
		"compute-usable": time.Second}); err != nil {
		t.Fatal(err)
	}
	group := *wanted(s.compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("g"), Description: aws.String("d"), VpcId: &s.description.VPC.ID,
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup,
			Tags: []ec2types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}},
	}))(t).GroupId
	byID := func() string {
		_, err := s.compute.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}})
		return apierr.CodeOf(err)
	}
	byTag := func(value string) bool {
		out := wanted(s.compute.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
			Filters: []ec2types.Filter{{Name: aws.String("tag:k"), Values: []string{value}}}}))(t)
		return slices.ContainsFunc(out.SecurityGroups, func(g ec2types.SecurityGroup) bool { return *g.GroupId == group })
	}
	authorize := func(port int32) string {
		_, err := s.compute.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: &group, IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port), IpRanges: []ec2types.IpRange{
					{CidrIp: aws.String("10.0.0.0/8")}},
			}}})
		return apierr.CodeOf(err)
	}
	if byID() != "InvalidGroup.NotFound" || byTag("v") || authorize(1) != "InvalidGroup.NotFound" {
		t.Errorf("at once: by id %q, by tag %v, authorize %q", byID(), byTag("v"), authorize(1))
	}
	c.Advance(time.Second)
	if byID() != "InvalidGroup.NotFound" || authorize(2) != "" {
		t.Errorf("after a second: by id %q, authorize %q", byID(), authorize(3))
	}
	c.Advance(time.Second)
	if byID() != "" || !byTag("v") {
		t.Errorf("after two: by id %q, by tag %v", byID(), byTag("v"))
	}
	wanted(s.compute.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{group}, Tags: []ec2types.Tag{
		{Key: aws.String("k"), Value: aws.String("w")}}}))(t)
	if !byTag("v") || byTag("w") {
		t.Error("filters see a new tag at once")
	}
	c.Advance(2 * time.Second)
	if byTag("v") || !byTag("w") {
		t.Error("filters do not see the new tag")
	}
}

func TestQuotasAreSetWhileTheSimulatorRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	ctx := t.Context()
	if err := s.admin.SetQuotas(ctx, map[string]int{"security-groups": 1, "lunches": 1}); err == nil ||
		s.Account.Quota("security-groups") != 2500 {
		t.Errorf("one of two names is unknown: %v, and the other is set to %d", err, s.Account.Quota("security-groups"))
	}
	if err := s.admin.SetQuotas(ctx, map[string]int{"security-groups": 1,
		"rules-per-application-load-balancer": 7}); err != nil {
		t.Fatal(err)
	}
	_, err := s.compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"),
		Description: aws.String("d"), VpcId: &s.description.VPC.ID})
	if apierr.CodeOf(err) != "SecurityGroupLimitExceeded" {
		t.Errorf("one group too many: %v", err)
	}
	for _, l := range wanted(s.balancing.DescribeAccountLimits(ctx, nil))(t).Limits {
		if *l.Name == "rules-per-application-load-balancer" && *l.Max != "7" {
			t.Errorf("the account's limit is %s", *l.Max)
		}
	}
}
