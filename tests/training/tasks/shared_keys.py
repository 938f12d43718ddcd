"""Keys that act in the same way for every network, each with the test that shows it."""

from collections.abc import Mapping

from tunesmith.specs import Block

SHARED: Mapping[str, str] = {
    "gpu_ids": "test_jobs",
    "train.gpu_ids": "test_jobs",
    "num_processes": "test_jobs",
    "data_format": "test_verb_job_keys",
    "cuda_blocking": "test_verb_job_keys",
    "mpi_args.nccl_ib_hca": "test_verb_job_keys",
    "mpi_args.nccl_socket_ifname": "test_verb_job_keys",
    **{
        f"train.clearml.{key}": "test_sinks_clearml"
        for key in (
            "project",
            "task",
            "tags",
            "deferred_init",
            "reuse_last_task_id",
            "continue_last_task",
        )
    },
    "train.resume_training_checkpoint_path": "test_verb_train_named",
    "train.optim.monitor_name": "test_verb_train_named",
    "train.pruned_model_path": "test_named_files",
    "gen_trt_engine.trt_engine": "test_verb_gen_trt_engine",
    "gen_trt_engine.tensorrt.calibration.cal_cache_file": "test_verb_gen_trt_engine",
    "export.onnx_file": "test_verb_export",
    **{
        f"{section}.{key}": "test_named_files"
        for section in ("evaluate", "inference", "export", "prune", "gen_trt_engine")
        for key in ("checkpoint", "trt_engine", "onnx_file")
        if (section, key) not in {("export", "onnx_file"), ("gen_trt_engine", "trt_engine")}
    },
}
RESULTS = "results_dir"
"""The name of a key of many sections, which test_results_folder and test_named_files show."""


def shared_keys(spec: type[Block], sections: tuple[str, ...] = ("",)) -> set[str]:
    """Those of a spec, in the sections that begin so."""
    found = {path for path, _ in spec.leaves() if path in SHARED or path.split(".")[-1] == RESULTS}
    return {path for path in found if path.startswith(sections)}
