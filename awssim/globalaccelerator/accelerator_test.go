package globalaccelerator

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

func TestAnAcceleratorHasTwoAddressesAndIsDeployedInTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	x := f.accelerator("web")
	describe := func() *types.Accelerator {
		out, err := f.DescribeAccelerator(t.Context(), &globalaccelerator.DescribeAcceleratorInput{
			AcceleratorArn: x.AcceleratorArn})
		if err != nil {
			t.Fatal(err)
		}
		return out.Accelerator
	}
	if x.Status != types.AcceleratorStatusInProgress || !*x.Enabled || x.IpAddressType != types.IpAddressTypeIpv4 ||
		x.DualStackDnsName != nil ||
		len(x.IpSets) != 1 || len(x.IpSets[0].IpAddresses) != 2 {
		t.Errorf("created: %+v", x)
	}
	if arn := *x.AcceleratorArn; !strings.HasPrefix(arn, "arn:aws:globalaccelerator::123456789012:accelerator/") ||
		len(arn) != len("arn:aws:globalaccelerator::123456789012:accelerator/")+36 {
		t.Errorf("ARN %s", arn)
	}
	if dns := *x.DnsName; dns[0] != 'a' || len(dns) != 17+len(".awsglobalaccelerator.com") {
		t.Errorf("name %s", dns)
	}
	f.clock.Advance(account.Real().AcceleratorDeploy)
	if got := describe().Status; got != types.AcceleratorStatusDeployed {
		t.Errorf("after its time: %s", got)
	}
	f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80)
	if got := describe().Status; got != types.AcceleratorStatusInProgress {
		t.Errorf("with a new listener: %s", got)
	}
	f.clock.Advance(account.Real().AcceleratorChange)
	f.account.Trouble.AcceleratorsStuck = true
	out, err := f.UpdateAccelerator(t.Context(), &globalaccelerator.UpdateAcceleratorInput{
		AcceleratorArn: x.AcceleratorArn, IpAddressType: types.IpAddressTypeDualStack})
	if err != nil || len(out.Accelerator.IpSets) != 2 || out.Accelerator.DualStackDnsName == nil ||
		!strings.HasSuffix(*out.Accelerator.DualStackDnsName, ".dualstack.awsglobalaccelerator.com") {
		t.Errorf("dual stack: %+v, %v", out, err)
	}
	f.clock.Advance(time.Hour)
	if got := describe().Status; got != types.AcceleratorStatusInProgress {
		t.Errorf("stuck: %s", got)
	}
	f.account.Trouble.AcceleratorsStuck = false
	if got := describe().Status; got != types.AcceleratorStatusDeployed {
		t.Errorf("let go: %s", got)
	}
	if named, dual, ok := f.account.AcceleratorNamed(strings.ToUpper(*out.Accelerator.DualStackDnsName) + "."); !ok ||
		!dual || named.ARN != *x.AcceleratorArn {
		t.Error("the account does not find it by name")
	}
}

func TestTheSameTokenFindsTheSameAccelerator(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	in := func(name string) *globalaccelerator.CreateAcceleratorInput {
		return &globalaccelerator.CreateAcceleratorInput{Name: aws.String(name), IdempotencyToken: aws.String("t")}
	}
	a, err := f.CreateAccelerator(t.Context(), in("a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.CreateAccelerator(t.Context(), in("a"))
	if err != nil || *a.Accelerator.AcceleratorArn != *b.Accelerator.AcceleratorArn {
		t.Errorf("again: %v, %v", b, err)
	}
	if _, err := f.CreateAccelerator(t.Context(), in("b")); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("with another name: %v", err)
	}
	if len(f.account.Accelerators) != 1 {
		t.Errorf("%d accelerators", len(f.account.Accelerators))
	}
}

func TestAcceleratorsAreValidated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	f.account.OwnAddresses = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	if err := f.account.SetQuota("accelerators", 2); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in   globalaccelerator.CreateAcceleratorInput
		want string
	}{
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("")}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("-a")}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String(strings.Repeat("a", 65))}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), IpAddressType: "IPV6"}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), IpAddresses: []string{"192.0.2.1"}},
			"InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), Tags: []types.Tag{
			{Key: aws.String("aws:a"), Value: aws.String("b")}}}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("k8s_default_web"), IpAddresses: []string{"198.51.100.7"}},
			""},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), IpAddresses: []string{"198.51.100.7"}},
			"InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a.b-c")}, ""},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("one-more")}, "LimitExceededException"},
	} {
		out, err := f.CreateAccelerator(t.Context(), &tt.in)
		if apierr.CodeOf(err) != tt.want {
			t.Errorf("%q: %v, want %s", *tt.in.Name, err, tt.want)
		}
		if err == nil && len(tt.in.IpAddresses) > 0 && out.Accelerator.IpSets[0].IpAddresses[0] != tt.in.IpAddresses[0] {
			t.Errorf("own address: %v", out.Accelerator.IpSets)
		}
	}
}

func TestAnAcceleratorIsDeletedOnceItIsDisabledAndEmpty(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	x := f.accelerator("web")
	l := f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80)
	g := f.group(l.ListenerArn)
	remove := func() error {
		_, err := f.DeleteAccelerator(t.Context(), &globalaccelerator.DeleteAcceleratorInput{
			AcceleratorArn: x.AcceleratorArn})
		return err
	}
	want := func(step string, err error, code_ string) {
		t.Helper()
		if apierr.CodeOf(err) != code_ {
			t.Errorf("%s: %v, want %s", step, err, code_)
		}
	}
	f.clock.Advance(time.Hour)
	want("enabled", remove(), "AcceleratorNotDisabledException")
	_, err := f.UpdateAccelerator(t.Context(), &globalaccelerator.UpdateAcceleratorInput{AcceleratorArn: x.AcceleratorArn,
		Enabled: aws.Bool(false)})
	want("disable", err, "")
	want("still in progress", remove(), "AcceleratorNotDisabledException")
	f.clock.Advance(account.Real().AcceleratorChange)
	want("with a listener", remove(), "AssociatedListenerFoundException")
	_, err = f.DeleteListener(t.Context(), &globalaccelerator.DeleteListenerInput{ListenerArn: l.ListenerArn})
	want("with a group", err, "AssociatedEndpointGroupFoundException")
	_, err = f.DeleteEndpointGroup(t.Context(), &globalaccelerator.DeleteEndpointGroupInput{
		EndpointGroupArn: g.EndpointGroupArn})
	want("delete the group", err, "")
	_, err = f.DeleteEndpointGroup(t.Context(), &globalaccelerator.DeleteEndpointGroupInput{
		EndpointGroupArn: g.EndpointGroupArn})
	want("delete the group again", err, "EndpointGroupNotFoundException")
	_, err = f.DeleteListener(t.Context(), &globalaccelerator.DeleteListenerInput{ListenerArn: l.ListenerArn})
	want("delete the listener", err, "")
	_, err = f.DeleteListener(t.Context(), &globalaccelerator.DeleteListenerInput{ListenerArn: l.ListenerArn})
	want("delete the listener again", err, "ListenerNotFoundException")
	f.clock.Advance(account.Real().AcceleratorChange)
	want("at last", remove(), "")
	want("again", remove(), "AcceleratorNotFoundException")
}

func TestListsGoByPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	var want []string
	for i := range 13 {
		want = append(want, *f.accelerator(fmt.Sprint("a", i)).AcceleratorArn)
	}
	var got []string
	p := globalaccelerator.NewListAcceleratorsPaginator(f, &globalaccelerator.ListAcceleratorsInput{})
	for pages := 0; p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if pages == 0 && len(out.Accelerators) != defaultPage {
			t.Errorf("%d on the first page", len(out.Accelerators))
		}
		for _, x := range out.Accelerators {
			got = append(got, *x.AcceleratorArn)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if _, err := f.ListAccelerators(t.Context(), &globalaccelerator.ListAcceleratorsInput{
		NextToken: aws.String("x")}); apierr.CodeOf(err) != "InvalidNextTokenException" {
		t.Errorf("bad token: %v", err)
	}
	if _, err := f.ListAccelerators(t.Context(), &globalaccelerator.ListAcceleratorsInput{
		MaxResults: aws.Int32(101)}); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("page too large: %v", err)
	}
}

func TestOnlyAcceleratorsHaveTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("web")
	l := f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80)
	tag := func(arn *string, key string) error {
		_, err := f.TagResource(t.Context(), &globalaccelerator.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{
			{Key: aws.String(key), Value: aws.String("v")}}})
		return err
	}
	if err := tag(l.ListenerArn, "k"); apierr.CodeOf(err) != "AcceleratorNotFoundException" {
		t.Errorf("tag a listener: %v", err)
	}
	for i := range resource.MaxTags {
		if err := tag(x.AcceleratorArn, fmt.Sprint("k", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tag(x.AcceleratorArn, "more"); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("51 tags: %v", err)
	}
	if _, err := f.UntagResource(t.Context(), &globalaccelerator.UntagResourceInput{ResourceArn: x.AcceleratorArn,
		TagKeys: []string{"k1", "none"}}); err != nil {
		t.Fatal(err)
	}
	out, err := f.ListTagsForResource(t.Context(), &globalaccelerator.ListTagsForResourceInput{
		ResourceArn: x.AcceleratorArn})
	if err != nil || len(out.Tags) != resource.MaxTags-1 {
		t.Errorf("%d tags, %v", len(out.Tags), err)
	}
	if got := f.account.ResourceTags(*l.ListenerArn); got["k2"] != "v" {
		t.Errorf("policies do not see the accelerator's tags at its listener: %v", got)
	}
}
