export {
  type PrometheusObserver,
  type PrometheusObserverOptions,
  prometheusObserver,
} from "./prometheus-observer.ts";
