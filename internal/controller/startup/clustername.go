package startup

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// ClusterName returns a condition if the LoadBalancer objects of a namespace (empty: of all) were written under other
// cluster names only. A controller with another name knows nothing of what exists: it would create each load balancer
// again, and leave the former ones without an owner. Objects that name no cluster, and a kind that is not served or may
// not be read, decide nothing. One object of the name suffices, whichever others there are: users may have forged them.
func (s *Server) ClusterName(ctx context.Context, name, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	var seen []v1alpha1.LoadBalancer // no more of each than decides
	if err := each(ctx, s, "loadbalancers", namespace, func(o *v1alpha1.LoadBalancer) (enough bool) {
		seen = append(seen, v1alpha1.LoadBalancer{
			ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name},
			Status:     v1alpha1.LoadBalancerStatus{Cluster: o.Status.Cluster}})
		return o.Status.Cluster == name
	}); err != nil {
		return err
	}
	if text := OtherClusterName(seen, name); text != "" {
		return impairment.Condition{Reason: impairment.ClusterName, Text: text, Remedy: impairment.KeepClusterName}
	}
	return nil
}

// OtherClusterName returns the sentence that LoadBalancer objects were written under other names of the cluster only;
// empty if one has the name, or none has any.
func OtherClusterName(list []v1alpha1.LoadBalancer, name string) string {
	var other *v1alpha1.LoadBalancer
	others := 0
	for i := range list {
		switch list[i].Status.Cluster {
		case "":
		case name:
			return ""
		default:
			if others++; other == nil {
				other = &list[i]
			}
		}
	}
	if other == nil {
		return ""
	}
	text := fmt.Sprintf("--cluster-name is %s, but the controller created LoadBalancer %s/%s under the name %s", name,
		other.Namespace, other.Name, other.Status.Cluster)
	if others > 1 {
		text += fmt.Sprintf(" (%d objects in all)", others)
	}
	return text
}
