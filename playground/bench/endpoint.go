package bench

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// endpoint is the AWS that is measured against, with the recorder before it.
type endpoint struct {
	URL      string // of the recorder
	Recorder *Recorder

	simulator *awssim.Simulator // nil: not the benchmark's own
	server    *http.Server
	served    chan struct{}
}

// quotas that a hundred load balancers and a group of a hundred members exceed or come close to.
var quotas = map[string]int{
	"application-load-balancers": 2000, "network-load-balancers": 12_000, "network-load-balancer-enis-per-vpc": 40_000,
	"target-groups": 20_000, "rules-per-application-load-balancer": 2000,
	"target-groups-per-application-load-balancer": 2000,
}

// startEndpoint serves a simulator of our own, or stands before the AWS mock at the URL.
func startEndpoint(behind string, s seed.File, logger *log.Logger) (*endpoint, error) {
	e := &endpoint{served: make(chan struct{})}
	var next http.Handler
	if behind == "" {
		simulator, err := awssim.New(awssim.Options{Seed: &s, Profile: account.Instant(), Logf: logger.Printf})
		if err != nil {
			return nil, err
		}
		simulator.Account.Lock()
		simulator.Account.Quotas = quotas
		simulator.Account.Unlock()
		e.simulator, next = simulator, simulator.Handler()
	} else {
		u, err := url.Parse(behind)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("--endpoint %q is not the base URL of an AWS mock, such as http://127.0.0.1:4566", behind)
		}
		// The Host header stays what the controller signed, and connections are kept: mocks are slow enough.
		next = &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(u)
				r.Out.Host = r.In.Host
			},
			Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute},
			ErrorLog:  logger,
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e.Recorder = NewRecorder(next)
	e.URL = "http://" + listener.Addr().String()
	e.server = &http.Server{Handler: e.Recorder, ReadHeaderTimeout: time.Minute, ErrorLog: logger}
	go func() {
		defer close(e.served)
		if err := e.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Printf("HTTP server: %v", err)
		}
	}()
	return e, nil
}

func (e *endpoint) stop() {
	_ = e.server.Close()
	<-e.served
	if e.simulator != nil {
		_ = e.simulator.Close()
	}
}

// assign gives each node's primary network interface n further addresses for pods, by the API, since any mock has that.
func (e *endpoint) assign(ctx context.Context, s seed.File, n int) (map[string][]string, error) {
	client := ec2.New(ec2.Options{
		Region: s.Region, BaseEndpoint: aws.String(e.URL), Retryer: aws.NopRetryer{},
		HTTPClient: sdkhttp.Client(http.DefaultClient),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIABENCH00000000001", SecretAccessKey: "bench"}, nil
		}),
	})
	out := map[string][]string{}
	for _, node := range s.Cluster.Nodes {
		found, err := client.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
			Filters: []types.Filter{{Name: aws.String("attachment.instance-id"), Values: []string{node.Instance}}},
		})
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", node.Name, err)
		}
		if len(found.NetworkInterfaces) == 0 {
			return nil, fmt.Errorf("node %s: instance %s has no network interface: --account must describe what the "+
				"endpoint holds", node.Name, node.Instance)
		}
		got, err := client.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
			NetworkInterfaceId:             found.NetworkInterfaces[0].NetworkInterfaceId,
			SecondaryPrivateIpAddressCount: aws.Int32(int32(n)),
		})
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", node.Name, err)
		}
		for _, a := range got.AssignedPrivateIpAddresses {
			out[node.Name] = append(out[node.Name], aws.ToString(a.PrivateIpAddress))
		}
		if len(out[node.Name]) < n {
			return nil, fmt.Errorf("node %s: got %d of %d addresses", node.Name, len(out[node.Name]), n)
		}
	}
	return out, nil
}
