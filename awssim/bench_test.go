package awssim

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// thousand is an account with a thousand load balancers, each with a listener and a target group, and the ARNs of both.
func thousand(b testing.TB, o Options) (s *Simulator, balancers, groups []string) {
	b.Helper()
	o.KeepCalls = 100
	s, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	balancers, groups = create(b, s, 1000)
	return s, balancers, groups
}

// create creates n load balancers, each with a listener and a target group, and returns the ARNs of both.
func create(b testing.TB, s *Simulator, n int) (balancers, groups []string) {
	b.Helper()
	s.Account.Lock()
	for quota, value := range map[string]int{"network-load-balancers": n, "network-load-balancer-enis-per-vpc": 3 * n,
		"target-groups": n} {
		if err := s.Account.SetQuota(quota, value); err != nil {
			b.Fatal(err)
		}
	}
	s.Account.Unlock()
	var subnets []string
	for _, subnet := range s.Seed().VPC.Subnets {
		if subnet.Tags["kubernetes.io/role/internal-elb"] != "" {
			subnets = append(subnets, subnet.ID)
		}
	}
	ctx := context.Background()
	balancers, groups = make([]string, n), make([]string, n)
	createOne := func(i int) error {
		lb, err := s.Balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String(fmt.Sprint("lb", i)),
			Type: "network", Scheme: "internal", Subnets: subnets,
			Tags: []elbtypes.Tag{{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String("bench")}}})
		if err != nil {
			return err
		}
		tg, err := s.Balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String(fmt.Sprint("tg", i)),
			TargetType: "ip", Protocol: "TCP", Port: aws.Int32(80), VpcId: aws.String(s.Seed().VPC.ID)})
		if err != nil {
			return err
		}
		balancers[i], groups[i] = *lb.LoadBalancers[0].LoadBalancerArn, *tg.TargetGroups[0].TargetGroupArn
		_, err = s.Balancing.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &balancers[i], Protocol: "TCP",
			Port:           aws.Int32(80),
			DefaultActions: []elbtypes.Action{{Type: "forward", TargetGroupArn: &groups[i]}}})
		return err
	}
	const callers = 50 // whose changes the data plane takes over at once
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := caller; i < n; i += callers {
				if err := createOne(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return balancers, groups
}

// BenchmarkReadsAmongAThousandLoadBalancers makes simple reads in the process; 10 µs each are 100,000 a second and
// core.
func BenchmarkReadsAmongAThousandLoadBalancers(b *testing.B) {
	s, balancers, groups := thousand(b, Options{})
	ctx := context.Background()
	for name, read := range map[string]func(i int) error{
		"DescribeLoadBalancers by ARN": func(i int) error {
			_, err := s.Balancing.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{
				LoadBalancerArns: balancers[i : i+1]})
			return err
		},
		"DescribeListeners": func(i int) error {
			_, err := s.Balancing.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &balancers[i]})
			return err
		},
		"DescribeTags": func(i int) error {
			_, err := s.Balancing.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: balancers[i : i+1]})
			return err
		},
		"DescribeTargetGroups by load balancer": func(i int) error {
			_, err := s.Balancing.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &balancers[i]})
			return err
		},
		"DescribeTargetHealth": func(i int) error {
			_, err := s.Balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &groups[i]})
			return err
		},
		"DescribeLoadBalancerAttributes": func(i int) error {
			_, err := s.Balancing.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{
				LoadBalancerArn: &balancers[i]})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := read(i % len(balancers)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkDescribingAThousandLoadBalancersOverHTTP pages through all load balancers with the SDK's client: 50 ms is
// the aim.
func BenchmarkDescribingAThousandLoadBalancersOverHTTP(b *testing.B) {
	s, balancers, _ := thousand(b, Options{})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	client := elb.NewFromConfig(aws.Config{
		Region: s.Account.Region, BaseEndpoint: aws.String(server.URL), HTTPClient: sdkhttp.Client(&http.Client{}),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for pages := elb.NewDescribeLoadBalancersPaginator(client, &elb.DescribeLoadBalancersInput{}); pages.HasMorePages(); {
			page, err := pages.NextPage(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			n += len(page.LoadBalancers)
		}
		if n != len(balancers) {
			b.Fatalf("%d load balancers", n)
		}
	}
}

// BenchmarkServingAThousandLoadBalancers is the same without the SDK's part of it: the server alone.
func BenchmarkServingAThousandLoadBalancers(b *testing.B) {
	s, _, _ := thousand(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/?Action=DescribeLoadBalancers&Version=2015-12-01&PageSize=400", nil)
		r.Header.Set("Authorization", signature(s.Account.Region, "elasticloadbalancing"))
		w := httptest.NewRecorder()
		if s.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkMemoryOfALoadBalancer reports the bytes at rest of a load balancer with a listener and a target group: 20 KB
// is the aim.
func BenchmarkMemoryOfALoadBalancer(b *testing.B) {
	heap := func() uint64 {
		for range 3 {
			runtime.GC()
			time.Sleep(time.Millisecond) // finalizers
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		s, balancers, _ := thousand(b, Options{})
		b.ReportMetric(float64(heap()-before)/float64(len(balancers)), "B/load-balancer")
		runtime.KeepAlive(s)
	}
}
