package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/services"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lbc/recording"
	"github.com/k8s-lbc/lbc/internal/lbc/survey"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// cluster reads every object that front ends may read, and returns a reader of others.
func cluster(ctx context.Context, rc *rest.Config) (objects.Snapshot, client.Reader, error) {
	k, err := clientOf(rc)
	if err != nil {
		return nil, nil, err
	}
	objs, err := survey.Objects(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	return objs, k, nil
}

// shownBy is what a cluster holds of stacks, of which objs are the objects.
func shownBy(k client.Reader, objs objects.Snapshot, c *config.Config) offline.Cluster {
	last := &remembered{kube: k, config: c}
	return offline.Cluster{
		Memory:    last.of,
		Preceding: last.preceding,
		Bindings:  func(key stack.Key) []awsop.Binding { return bindingobject.BindingsOf(objs, key) },
		Recorded: func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error) {
			m := &corev1.ConfigMap{}
			err = k.Get(ctx, client.ObjectKey{Namespace: binding.Namespace, Name: naming.ClaimsConfigMap(binding.Name)}, m)
			return bindingobject.RecordedTargets(m), err == nil, client.IgnoreNotFound(err)
		},
	}
}

// adopt sets on objects of files what the cluster has set on those that they replace: UIDs, finalizers, what the
// controller has recorded in annotations of Gateways, and the node ports of Services, which an apply keeps, too.
func adopt(s objects.Snapshot, objs []metav1.Object) {
	for _, o := range objs {
		kind, _ := objects.KindOf(o)
		have, ok := s.Get(kind, o.GetNamespace(), o.GetName())
		if !ok {
			continue
		}
		o.SetUID(have.GetUID())
		o.SetCreationTimestamp(have.GetCreationTimestamp())
		if len(o.GetFinalizers()) == 0 {
			o.SetFinalizers(have.GetFinalizers())
		}
		adoptStatus(o, have)
		if g, ok := o.(*gatewayv1.Gateway); ok {
			adoptRecords(g, have)
		}
		svc, isService := o.(*corev1.Service)
		if old, ok := have.(*corev1.Service); ok && isService {
			adoptPorts(svc, old)
		}
	}
}

// adoptStatus gives an object without a status the one that the cluster has: manifests have none, and who applies them
// changes none.
func adoptStatus(o, have metav1.Object) {
	status := func(o metav1.Object) reflect.Value { return reflect.ValueOf(o).Elem().FieldByName("Status") }
	if to := status(o); to.IsValid() && to.IsZero() {
		to.Set(status(have))
	}
}

func adoptRecords(g *gatewayv1.Gateway, have metav1.Object) {
	for _, k := range gateway.Records {
		v, recorded := have.GetAnnotations()[k]
		if _, written := g.Annotations[k]; recorded && !written {
			metav1.SetMetaDataAnnotation(&g.ObjectMeta, k, v)
		}
	}
}

func adoptPorts(svc, old *corev1.Service) {
	svc.Spec.Type = cmp.Or(svc.Spec.Type, corev1.ServiceTypeClusterIP)
	if svc.Spec.Type == corev1.ServiceTypeClusterIP {
		return
	}
	svc.Spec.HealthCheckNodePort = cmp.Or(svc.Spec.HealthCheckNodePort, old.Spec.HealthCheckNodePort)
	for i := range svc.Spec.Ports {
		p := &svc.Spec.Ports[i]
		for _, q := range old.Spec.Ports {
			if p.NodePort == 0 && q.Port == p.Port && cmp.Or(p.Protocol, corev1.ProtocolTCP) == q.Protocol {
				p.NodePort = q.NodePort
			}
		}
	}
}

// connect makes the clients of the account, and completes the configuration from it.
func (i *inputs) connect(ctx context.Context, s *source) error {
	s.close = func() {}
	c := &i.config
	if i.account == "" && i.fromCluster() && !i.simulated {
		s.live = true
		if err := nodesAccount(ctx, c, s.kube); err != nil {
			return err
		}
		clients, err := liveClients(ctx, c, nil)
		s.clients = clients
		return err
	}
	file := seed.Default()
	if i.account != "" {
		content, err := os.ReadFile(i.account)
		if err != nil {
			return fmt.Errorf("--account: %w", err)
		}
		if recording.Is(content) {
			return i.replay(ctx, content, s)
		}
		if file, err = seed.Load(bytes.NewReader(content)); err != nil {
			return fmt.Errorf("--account: %s: %w", i.account, err)
		}
	}
	if i.simulated {
		c.VPC = ""
	} else if err := i.sameRegion(file.Region); err != nil {
		return err
	}
	sim, err := services.New(services.Options{Seed: &file})
	if err != nil {
		return fmt.Errorf("simulating the account: %w", err)
	}
	s.builtIn = i.account == ""
	c.ClusterName, c.VPC, c.Region = cmp.Or(c.ClusterName, file.Cluster.Name), cmp.Or(c.VPC, file.VPC.ID), file.Region
	s.clients = awsclient.Clients{ELBV2: sim.Balancing, EC2: sim.Compute, ACM: sim.Trust, STS: sim.Identity,
		WAFv2: sim.Firewall, Shield: sim.Shield, Route53: sim.Names, Accelerators: sim.Edge}
	return nil
}

// nodesAccount completes region and VPC by those of the cluster's nodes: the instance metadata service of the machine
// that lbc runs on is about another one.
func nodesAccount(ctx context.Context, c *config.Config, k client.Reader) error {
	needsRegion := c.Region == "" && os.Getenv("AWS_REGION")+os.Getenv("AWS_DEFAULT_REGION") == ""
	needsVPC := c.VPC == "" && len(c.VPCTags) == 0
	if !needsRegion && !needsVPC {
		return nil
	}
	nodes, err := survey.ReadNodes(ctx, k)
	if err == nil && needsRegion {
		c.Region = nodes.Region()
	}
	if err == nil && needsVPC {
		anywhere := *c
		anywhere.VPC = "unknown"
		var clients awsclient.Clients
		if clients, err = liveClients(ctx, &anywhere, nil); err == nil {
			c.VPC, err = nodes.VPC(ctx, clients.EC2)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot find the region and VPC of the nodes: %w; set --aws-region and --aws-vpc-id", err)
	}
	return nil
}

// liveClients are clients of the account of the credentials in the environment; wrap may be nil.
func liveClients(ctx context.Context, c *config.Config, wrap recording.Wrap) (awsclient.Clients, error) {
	connection, err := awsclient.Connect(ctx, awsclient.ConnectOptions{
		Region: c.Region, VPC: c.VPC, VPCTags: c.VPCTags, MaxAttempts: c.MaxRetries, Endpoints: c.APIEndpoints,
		Version: version, Transport: wrap,
	})
	if err != nil {
		return awsclient.Clients{}, err
	}
	c.Region, c.VPC = connection.Scope.Region, connection.Scope.VPC
	return connection.Clients(awsclient.NewLimiter(awsclient.LimiterOptions{Attempts: c.MaxRetries})), nil
}

// sameRegion is an error if the command line names another region than that of the account file.
func (i *inputs) sameRegion(region string) error {
	if !i.given("aws-region") || i.config.Region == region {
		return nil
	}
	of := "the simulator's built-in account"
	if i.account != "" {
		of = i.account
	}
	return fmt.Errorf("--aws-region is %s, and %s is in %s: omit the flag, or name the account of another region "+
		"with --account", i.config.Region, of, region)
}

// vpcExists is an error if the command line names a VPC that the account does not have. What cannot be looked up is
// left to the plan.
func (i *inputs) vpcExists(ctx context.Context, s *source) error {
	if !i.given("aws-vpc-id") || i.config.VPC == "" || s.recorded {
		return nil
	}
	_, err := s.clients.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{i.config.VPC}})
	var api smithy.APIError
	if errors.As(err, &api) && strings.HasPrefix(strings.ToLower(api.ErrorCode()), "invalidvpcid") {
		return fmt.Errorf("--aws-vpc-id: there is no VPC %s in %s: aws ec2 describe-vpcs lists the existing ones; "+
			"--aws-region and your credentials select region and account", i.config.VPC, i.config.Region)
	}
	return nil
}

// replay makes clients that are answered from a recording.
func (i *inputs) replay(ctx context.Context, content []byte, s *source) error {
	c := &i.config
	r, err := recording.Load(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("--account: %s: %w", i.account, err)
	}
	if err := i.sameRegion(r.Region); err != nil {
		return err
	}
	if i.given("aws-vpc-id") && c.VPC != r.VPC {
		return fmt.Errorf("--aws-vpc-id is %s, and the recording %s is of %s: omit the flag, or record the other VPC "+
			"with lbc record", c.VPC, i.account, r.VPC)
	}
	c.ClusterName, c.VPC, c.Region = cmp.Or(c.ClusterName, r.Cluster), cmp.Or(c.VPC, r.VPC), r.Region
	connection, err := awsclient.Connect(ctx, awsclient.ConnectOptions{
		Region: c.Region, VPC: c.VPC, MaxAttempts: 1, Version: version, Transport: r.Replay, Anonymous: true,
	})
	s.clients, s.recorded = connection.Clients(nil), true
	return err
}
