package survey

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// Deployed is a controller's command line, as a Deployment has it.
type Deployed struct {
	Namespace, Name string // without a namespace, Name is what else has the command line
	Args            []string
	Region          string // of the environment; empty = none
}

func (d Deployed) String() string {
	if d.Namespace == "" {
		return d.Name
	}
	return "Deployment " + d.Namespace + "/" + d.Name
}

// DeployedControllers are the Deployments of the controller and its predecessors, sorted by namespace and name.
func DeployedControllers(ctx context.Context, k client.Reader) (out []Deployed, err error) {
	listed := &appsv1.DeploymentList{}
	if err := k.List(ctx, listed); err != nil {
		return nil, fmt.Errorf("reading the Deployments, of which one is the controller's: %w", err)
	}
	for i := range listed.Items {
		of := &listed.Items[i]
		if !isController(of) {
			continue
		}
		c := container(&of.Spec.Template.Spec)
		d := Deployed{Namespace: of.Namespace, Name: of.Name, Args: c.Args}
		for _, e := range c.Env {
			if e.Name == "AWS_REGION" || e.Name == "AWS_DEFAULT_REGION" {
				d.Region = cmp.Or(e.Value, d.Region)
			}
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Deployed) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// Nodes are how a cluster's nodes tell what account they are in.
type Nodes []corev1.Node

// ReadNodes reads the nodes of a cluster.
func ReadNodes(ctx context.Context, k client.Reader) (Nodes, error) {
	l := &corev1.NodeList{}
	err := k.List(ctx, l)
	return l.Items, err
}

// Region is that of the nodes' labels; empty = there are none.
func (n Nodes) Region() string {
	for i := range n {
		if region := n[i].Labels[corev1.LabelTopologyRegion]; region != "" {
			return region
		}
	}
	return ""
}

// VPC is that of the nodes' instances.
func (n Nodes) VPC(ctx context.Context, client awsclient.EC2) (string, error) {
	return vpcOfNodes(ctx, client, n)
}
