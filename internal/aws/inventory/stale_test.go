package inventory_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/facts"
)

// moodyEC2 answers questions about subnets and VPCs after a delay, or with an error.
type moodyEC2 struct {
	awsclient.EC2
	mu    sync.Mutex // guards delay, err and cidr
	delay time.Duration
	err   error
	cidr  string
	reads atomic.Int32
}

func (m *moodyEC2) set(delay time.Duration, err error, cidr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay, m.err, m.cidr = delay, err, cidr
}

func (m *moodyEC2) block() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cidr
}

func (m *moodyEC2) wait(ctx context.Context) error {
	m.reads.Add(1)
	m.mu.Lock()
	delay, err := m.delay, m.err
	m.mu.Unlock()
	select {
	case <-time.After(delay):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *moodyEC2) DescribeAvailabilityZones(context.Context, *ec2.DescribeAvailabilityZonesInput,
	...func(*ec2.Options)) (*ec2.DescribeAvailabilityZonesOutput, error) {
	return &ec2.DescribeAvailabilityZonesOutput{}, nil
}

func (m *moodyEC2) DescribeSubnets(ctx context.Context, _ *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeSubnetsOutput, error) {
	if err := m.wait(ctx); err != nil {
		return nil, err
	}
	return &ec2.DescribeSubnetsOutput{Subnets: []ec2types.Subnet{{SubnetId: aws.String("subnet-a"), VpcId: aws.String(vpc),
		CidrBlock: aws.String(m.block())}}}, nil
}

func (m *moodyEC2) DescribeVpcs(ctx context.Context, _ *ec2.DescribeVpcsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeVpcsOutput, error) {
	if err := m.wait(ctx); err != nil {
		return nil, err
	}
	return &ec2.DescribeVpcsOutput{Vpcs: []ec2types.Vpc{{CidrBlockAssociationSet: []ec2types.VpcCidrBlockAssociation{
		{CidrBlock: aws.String(m.block()), CidrBlockState: &ec2types.VpcCidrBlockState{
			State: ec2types.VpcCidrBlockStateCodeAssociated}},
	}}}}, nil
}

func TestAnAnswerWhoseTimeIsOverServesOnWhileAWSDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &moodyEC2{cidr: "10.0.0.0/24"}
		inv := inventory.New(awsclient.Clients{EC2: m}, inventory.Config{Cluster: cluster, VPC: vpc})
		ask := func(kind facts.NeedKind) (failed bool, took time.Duration) {
			begun := time.Now()
			f, err := inv.Answer(t.Context(), []facts.Need{{Kind: kind}})
			return err != nil || len(f.Errors) > 0, time.Since(begun)
		}
		for _, kind := range []facts.NeedKind{facts.NeedSubnets, facts.NeedVPC} {
			if failed, _ := ask(kind); failed {
				t.Fatal("the first read failed")
			}
		}
		m.set(time.Hour, nil, m.block()) // it hangs
		time.Sleep(11 * time.Minute)
		if failed, took := ask(facts.NeedVPC); failed || took > 0 {
			t.Errorf("the VPC, which registration asks for, is waited for %v (%t)", took, failed)
		}
		if failed, took := ask(facts.NeedSubnets); failed || took != 250*time.Millisecond {
			t.Errorf("subnets are waited for %v (%t)", took, failed)
		}
		m.reads.Store(0)
		for range 100 { // stacks
			if failed, took := ask(facts.NeedSubnets); failed || took > 0 {
				t.Fatalf("another stack waits %v (%t)", took, failed)
			}
		}
		if n := m.reads.Load(); n > 0 {
			t.Errorf("%d more reads while one hangs", n)
		}
		time.Sleep(time.Minute) // the read has ended
		m.set(0, context.DeadlineExceeded, m.block())
		time.Sleep(time.Minute)
		m.reads.Store(0)
		for range 100 {
			if failed, took := ask(facts.NeedSubnets); failed || took > 0 {
				t.Fatalf("a read that fails holds up a stack for %v (%t)", took, failed)
			}
			time.Sleep(time.Second)
		}
		if n := m.reads.Load(); n > 8 {
			t.Errorf("%d reads in 100 s of failures", n)
		}
		m.set(0, nil, "10.1.0.0/24")
		time.Sleep(time.Minute)
		ask(facts.NeedSubnets)
		f, err := inv.Answer(t.Context(), []facts.Need{{Kind: facts.NeedSubnets}})
		if err != nil || f.Subnets["subnet-a"].CIDR != "10.1.0.0/24" {
			t.Errorf("%v, %v", f.Subnets, err)
		}
	})
}

func TestAnAnswerIsWaitedForWhenItIsTooOldOrWasForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &moodyEC2{cidr: "10.0.0.0/24"}
		inv := inventory.New(awsclient.Clients{EC2: m}, inventory.Config{Cluster: cluster, VPC: vpc})
		ask := func() time.Duration {
			begun := time.Now()
			if f, err := inv.Answer(t.Context(), []facts.Need{{Kind: facts.NeedSubnets}}); errors.Join(err,
				f.Errors[facts.Need{Kind: facts.NeedSubnets}]) != nil {
				t.Error(err, f.Errors)
			}
			return time.Since(begun)
		}
		ask()
		const delay = 30 * time.Second
		m.set(delay, nil, m.block())
		time.Sleep(2 * time.Hour)
		if took := ask(); took != delay {
			t.Errorf("one that is two hours old is waited for %v", took)
		}
		inv.InvalidateFacts(facts.Need{Kind: facts.NeedSubnets})
		if took := ask(); took != delay {
			t.Errorf("one that AWS disagrees with is waited for %v", took)
		}
	})
}
