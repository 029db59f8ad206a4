package ec2

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// BenchmarkFindingInterfacesByAddress looks 199 pod addresses up among 3,000 interfaces.
func BenchmarkFindingInterfacesByAddress(b *testing.B) {
	a := &account.Account{Clock: clock.NewStepped(time.Unix(1_700_000_000, 0))}
	if err := seed.Default().Apply(a); err != nil {
		b.Fatal(err)
	}
	var addresses []string
	for i := range 3000 {
		n, err := a.NewInterface(subnetA, []string{nodeGroup}, "x", false)
		if err != nil {
			b.Fatal(err)
		}
		if i < 199 {
			addresses = append(addresses, n.PrimaryAddress().String())
		}
	}
	s := New(a, nil)
	in := &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{filterOn("vpc-id", vpcID),
		filterOn("addresses.private-ip-address", addresses...)}}
	b.ReportAllocs()
	for b.Loop() {
		out, err := s.DescribeNetworkInterfaces(context.Background(), in)
		if err != nil || len(out.NetworkInterfaces) != len(addresses) {
			b.Fatal(err)
		}
	}
}
