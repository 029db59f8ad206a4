package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
)

// balancerRows are a line for each LoadBalancer object, as the controller shows it. A playground whose API server does
// not answer has none.
func balancerRows(ctx context.Context, kubeconfig string) []string {
	if kubeconfig == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil
	}
	list, err := client.Resource(v1alpha1.GroupVersion.WithResource("loadbalancers")).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	var rows []string
	for i := range list.Items {
		var lb v1alpha1.LoadBalancer
		if runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &lb) == nil {
			rows = append(rows, balancerRow(lb))
		}
	}
	return rows
}

func balancerRow(lb v1alpha1.LoadBalancer) string {
	ready := "not looked at yet"
	for _, c := range lb.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			ready = c.Reason
			if c.Status == metav1.ConditionTrue {
				ready = "ready"
			}
		}
	}
	targets := ""
	if lb.Status.Targets != "" {
		targets = ", targets healthy: " + lb.Status.Targets
	}
	return fmt.Sprintf("%s/%s: %s%s", lb.Namespace, lb.Name, ready, targets)
}
