package controller

import (
	"context"
	"fmt"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/kube"
)

// stillNeeded reports whether a binding that goes is made again by its stack, so that its targets stay registered meanwhile: its stack has not
// deleted it, load balancers use its target group, and its namespace stays. The removal of the definition of TargetGroupBindings deletes all of
// them, and takes nothing out of service so.
func (b *targetBindings) stillNeeded(ctx context.Context, o *v1beta1.TargetGroupBinding) (bool, error) {
	if _, owned := kube.OwnerOfBinding(o.Labels); !owned || b.deleted(client.ObjectKeyFromObject(o)) {
		return false, nil
	}
	ns := &corev1.Namespace{}
	if err := b.client.Get(ctx, client.ObjectKey{Name: o.Namespace}, ns); err == nil && ns.DeletionTimestamp != nil {
		return false, nil
	}
	out, err := b.elbv2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{o.Spec.TargetGroupARN}})
	switch {
	case err != nil && cloud.Classify(err).Code == cloud.CodeTargetGroupNotFound:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading whether a load balancer uses the target group: %w", err)
	}
	return len(out.TargetGroups) == 1 && len(out.TargetGroups[0].LoadBalancerArns) > 0, nil
}
