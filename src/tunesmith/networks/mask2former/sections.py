"""The section model of mask2former's spec."""

from tunesmith.specs.block import Block
from tunesmith.specs.fields import array, choice, flag, integer, number, section, text

MAPS = ("res2", "res3", "res4", "res5")
"""The feature maps of a backbone, the finest first."""


class Swin(Block):
    """Swin Transformer (Liu et al. 2021), the backbone that Mask2Former is published with."""

    type: str = text("tiny", "Size: tiny, small, base or large; keys below that are set go before it.")
    embed_dim: int = integer(96, "Width of the first stage; each later one is twice as wide.")
    depths: list[int] = array([2, 2, 6, 2], "Layers of each stage.", automl=False)
    num_heads: list[int] = array([3, 6, 12, 24], "Attention heads of each stage.", automl=False)
    patch_size: int = integer(4, "Side of a patch in pixels.")
    window_size: int = integer(7, "Side of a window of attention in patches.")
    mlp_ratio: float = number(4.0, "Width of the feed-forward layers, as a multiple.")
    qkv_bias: bool = flag(True, "Whether queries, keys and values have a bias.")
    qk_scale: float | None = number(None, "Scale of attention; 1 / sqrt(width of a head) by default.")
    drop_rate: float = number(0.0, "Share of the activations dropped.")
    attn_drop_rate: float = number(0.0, "Share of the attention dropped.")
    drop_path_rate: float = number(0.3, "Share of the residual branches dropped in the last layer.")
    ape: bool = flag(False, "Add a position embedding to the patches.")
    patch_norm: bool = flag(True, "Normalise the patches.")
    out_indices: list[int] = array([0, 1, 2, 3], "Stages whose maps are given.", automl=False)
    pretrain_img_size: int = integer(384, "Side of the images that the position embedding is made for.")
    use_checkpoint: bool = flag(False, "Compute the backbone's activations twice instead of keeping them.")
    out_features: list[str] = array(list(MAPS), "Names of the maps that are used.", automl=False)


class EfficientViT(Block):
    """EfficientViT (Cai et al. 2023)."""

    name: str = text("l0", "Size: l0 to l3, or b0 to b3.")
    out_indices: list[int] = array(
        [1, 2, 3], "Stages whose maps are given, counted from 0; the first one always is.", automl=False
    )
    pretrain_img_size: int = integer(
        384, "Side of the images it was trained on.", inert="it has no position embedding"
    )
    use_checkpoint: bool = flag(False, "Compute the backbone's activations twice instead of keeping them.")
    out_features: list[str] = array(list(MAPS), "Names of the maps that are used.", automl=False)


class Backbone(Block):
    """The feature extractor."""

    type: str = text("swin", "swin, efficientvit, or any timm model; timm/NAME takes a name unseen.")
    pretrained_weights: str = text("", "Weights of the backbone: a file in the workspace.")
    swin: Swin = section(Swin)
    efficientvit: EfficientViT = section(EfficientViT)


class PixelDecoder(Block):
    """The pixel decoder: a deformable transformer over three maps, and the map that masks are read off."""

    common_stride: int = integer(
        4, "Pixels of the image between two of the map that masks are read off.", ge=2
    )
    transformer_enc_layers: int = integer(6, "Layers of the transformer.", ge=1, popular=True)
    convs_dim: int = integer(256, "Width of the maps, a multiple of 32.", ge=1, popular=True)
    mask_dim: int = integer(256, "Width of what masks are read off.", ge=1, popular=True)
    deformable_transformer_encoder_in_features: list[str] = array(
        ["res3", "res4", "res5"], "The three maps that the transformer sees.", automl=False
    )
    num_classes: int = integer(200, "Number of classes; untouched, the number of the dataset's.", ge=1)
    norm: str = text("GN", "Normalisation of the finest maps: GN, BN, or none where it is empty.")


class Decoder(Block):
    """The transformer decoder, its losses, and what predictions are matched to objects by."""

    dropout: float = number(0.0, "Share of the activations dropped.", ge=0, le=1)
    nheads: int = integer(8, "Attention heads.", popular=True)
    num_object_queries: int = integer(100, "Masks that are predicted.", ge=1, automl=True, popular=True)
    hidden_dim: int = integer(256, "Width of the decoder.", automl=True, popular=True)
    dim_feedforward: int = integer(2048, "Width of the feed-forward layers.", ge=1)
    dec_layers: int = integer(10, "Predictions made one after the other: layers and one.", ge=1, automl=True)
    pre_norm: bool = flag(False, "Normalise before each layer, not behind it.")
    class_weight: float = number(
        2.0, "What the class counts in the loss and in matching.", ge=0, popular=True
    )
    dice_weight: float = number(
        5.0, "What the overlap counts in the loss and in matching.", ge=0, popular=True
    )
    mask_weight: float = number(
        5.0, "What single points count in the loss and in matching.", ge=0, popular=True
    )
    train_num_points: int = integer(12544, "Points of a mask that the loss looks at.")
    oversample_ratio: float = number(3.0, "How many times as many are drawn, to choose among.")
    importance_sample_ratio: float = number(
        0.75, "Share of the points that are chosen because they are uncertain.", popular=True
    )
    deep_supervision: bool = flag(True, "Let each layer have losses of its own.")
    no_object_weight: float = number(0.1, "What a query without an object counts in the loss of classes.")


class Model(Block):
    """The network."""

    export: bool = flag(False, "Build it for export.", inert="export is an action of its own")
    backbone: Backbone = section(Backbone)
    sem_seg_head: PixelDecoder = section(PixelDecoder)
    mask_former: Decoder = section(Decoder)
    mode: str = choice(
        "panoptic",
        ["panoptic", "instance", "semantic"],
        "What is learnt and predicted: objects and grounds, objects alone, or a class for each pixel.",
    )
    object_mask_threshold: float = number(0.4, "Confidence below which a mask is left out.")
    overlap_threshold: float = number(0.5, "Masks of which less than this share is visible are left out.")
    test_topk_per_image: int = integer(100, "Objects of an image at most.")
