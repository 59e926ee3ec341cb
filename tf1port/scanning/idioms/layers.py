"""Idioms of layers, initializers and ops, S5…."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom
from tf1port.scanning.when import either, has, lacks

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

LAYERS = [
    idiom(
        501, "dense layer", "tf.layers.{dense,Dense} tf.contrib.layers.linear", REWRITTEN,
        "keras.layers.Dense(n)", "P1 P11 P27",
    ),
    idiom(
        502, "convolution",
        "tf.layers.{conv1d,conv2d,conv3d,separable_conv1d,separable_conv2d,conv2d_transpose,"
        "conv3d_transpose,Conv1D,Conv2D,Conv3D,SeparableConv2D,Conv2DTranspose}",
        REWRITTEN, "keras.layers.Conv2D(n, size) and its like", "P14 P15 P16",
    ),
    idiom(
        503, "pooling",
        "tf.layers.{max_pooling1d,max_pooling2d,max_pooling3d,average_pooling1d,average_pooling2d,"
        "average_pooling3d,MaxPooling1D,MaxPooling2D,AveragePooling1D,AveragePooling2D}",
        REWRITTEN, "keras.layers.MaxPooling2D(size, strides) and its like", "P28",
    ),
    idiom(
        504, "batch normalization", "tf.layers.{batch_normalization,BatchNormalization}",
        REWRITTEN, "keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3)",
        "P2 P29 P42 P60 P61 P75 P129",
    ),
    idiom(
        505, "dropout layer", "tf.layers.{dropout,Dropout}", REWRITTEN,
        "keras.layers.Dropout(rate): training comes from fit, or from the call", "P37 P80",
    ),
    idiom(506, "flatten", "tf.layers.{flatten,Flatten}", REWRITTEN, "keras.layers.Flatten()",
          "P13 P16"),
    idiom(
        507, "other name of tf.layers", "tf.layers.*", BY_HAND, "a layer of keras.layers",
    ),
    idiom(
        508, "dense layer with ReLU", "tf.contrib.layers.fully_connected", BY_HAND,
        "keras.layers.Dense(n, activation='relu'): contrib's default is relu", "P1 P11 P27",
    ),
    idiom(
        513, "scope of arguments",
        "tf.contrib.framework.{arg_scope,add_arg_scope} tf.contrib.slim.arg_scope", BY_HAND,
        "functools.partial, or the arguments written out", "P27", MEDIUM,
    ),
    idiom(
        509, "layer of contrib",
        "tf.contrib.layers.{conv1d,conv2d,convolution,convolution2d,conv2d_transpose,max_pool2d,"
        "avg_pool2d,dropout,flatten,batch_norm,layer_norm,embed_sequence,one_hot_encoding,stack,"
        "repeat,instance_norm,group_norm,separable_conv2d,bias_add,unit_norm,"
        "bow_encoder} tf.contrib.slim.**",
        BY_HAND, "the layer of keras.layers, with contrib's own defaults written out",
        "P27 P29 P61", MEDIUM,
    ),
    idiom(
        510, "layer by its ops",
        "tf.nn.{xw_plus_b,relu_layer,convolution,conv1d,conv2d,max_pool,avg_pool,bias_add}",
        CONVERTED, "keras.layers.Dense, Conv2D …, or keras.ops", "P14 P28",
    ),
    idiom(
        511, "moments by hand",
        "tf.nn.{batch_normalization,fused_batch_norm,batch_norm_with_global_normalization,"
        "weighted_moments}",
        CONVERTED, "keras.layers.BatchNormalization", "P29 P60 P61", MEDIUM,
    ),
    idiom(
        512, "dropout by keep_prob", "tf.nn.dropout", REWRITTEN,
        "keras.layers.Dropout(1 - keep_prob)", "P37 P45 P80",
        when=either(has("keep_prob"), lacks("rate")),
    ),
]  # fmt: skip

INITIALIZERS = [
    idiom(
        520, "uniform initializer",
        "tf.{random_uniform_initializer,uniform_unit_scaling_initializer} "
        "tf.initializers.random_uniform",
        REWRITTEN, "keras.initializers.RandomUniform(low, high): TF1's default is [0, 1)", "P96",
    ),
    idiom(
        521, "normal initializer",
        "tf.{random_normal_initializer,truncated_normal_initializer} "
        "tf.initializers.{random_normal,truncated_normal}",
        REWRITTEN, "keras.initializers.RandomNormal(0, stddev): TF1's default is 1", "P96",
    ),
    idiom(
        522, "constant initializer",
        "tf.{zeros_initializer,ones_initializer,constant_initializer} "
        "tf.initializers.{zeros,ones,constant}",
        REWRITTEN, "keras.initializers.Zeros(), Ones(), Constant(value)",
    ),
    idiom(
        523, "orthogonal initializer",
        "tf.{orthogonal_initializer} tf.initializers.{orthogonal,identity}", REWRITTEN,
        "keras.initializers.Orthogonal(gain)",
    ),
    idiom(
        524, "Glorot initializer",
        "tf.{glorot_uniform_initializer,glorot_normal_initializer} "
        "tf.initializers.{glorot_uniform,glorot_normal} "
        "tf.contrib.layers.{xavier_initializer,xavier_initializer_conv2d}",
        REWRITTEN, "keras.initializers.GlorotUniform() or GlorotNormal()", "P96",
    ),
    idiom(
        525, "scaled initializer",
        "tf.{variance_scaling_initializer} tf.initializers.{variance_scaling,he_normal,he_uniform,"
        "lecun_normal,lecun_uniform} tf.contrib.layers.variance_scaling_initializer",
        REWRITTEN, "keras.initializers.VarianceScaling(scale, mode, distribution)",
    ),
]  # fmt: skip

OPS = [
    idiom(
        540, "op under its old name",
        "tf.{mod,floormod,squared_difference,lin_space,space_to_depth,depth_to_space,setdiff1d,"
        "check_numerics,unsorted_segment_max,unsorted_segment_mean,batch_gather,lbeta,polygamma,"
        "verify_tensor_all_finite,log,log1p,ceil,erf,erfc,lgamma,digamma,rsqrt,reciprocal,is_nan,is_inf,is_finite,angle,"
        "real,imag,conj,floor_div,floordiv,div_no_nan,count_nonzero,reduce_logsumexp,cumprod,"
        "log_sigmoid,softplus,softsign,unsorted_segment_sum,segment_sum,segment_mean,segment_max,"
        "accumulate_n,polyval,xlogy,zero_fraction,invert_permutation,betainc,igamma,zeta,"
        "bincount,confusion_matrix,rint,expm1,logical_xor,top_k,global_norm}",
        REWRITTEN, "the name in keras.ops, or in tf.math",
    ),
    idiom(
        541, "random tensor under its old name",
        "tf.{random_uniform,random_normal,truncated_normal,random_shuffle,random_crop,random_gamma,"
        "random_poisson}",
        REWRITTEN, "keras.random.uniform, normal, shuffle …",
    ),
    idiom(
        542, "op of the first releases",
        "tf.{pack,unpack,mul,sub,neg,inv,batch_matmul,complex_abs,select,split_v,concat_v2,"
        "arg_max,arg_min,listdiff,div,to_float,to_double,to_int32,to_int64,to_bfloat16}",
        REWRITTEN, "keras.ops.stack, unstack, multiply, subtract, negative, cast …",
    ),
    idiom(
        543, "matrix or signal op under its old name",
        "tf.{matrix_inverse,matrix_determinant,matrix_diag,matrix_diag_part,matrix_band_part,"
        "matrix_set_diag,matrix_solve,matrix_transpose,matrix_triangular_solve,cholesky,qr,svd,"
        "self_adjoint_eig,diag,diag_part,trace,cross,fft,ifft,fft2d,ifft2d,rfft,irfft}",
        REWRITTEN, "keras.ops, tf.linalg or tf.signal",
    ),
    idiom(
        544, "string or parsing op under its old name",
        "tf.{string_split,string_join,string_to_number,string_to_hash_bucket,"
        "string_to_hash_bucket_fast,string_to_hash_bucket_strong,regex_replace,substr,"
        "decode_raw,decode_csv,parse_example,parse_single_example,parse_single_sequence_example,"
        "parse_tensor,serialize_tensor,serialize_sparse,FixedLenFeature,VarLenFeature,"
        "FixedLenSequenceFeature,SparseFeature,read_file,write_file,matching_files,encode_base64,"
        "decode_base64}",
        REWRITTEN, "tf.io or tf.strings, in the tf.data pipeline",
    ),
    idiom(
        545, "sparse op under its old name",
        "tf.{sparse_to_dense,sparse_tensor_to_dense,sparse_tensor_dense_matmul,sparse_reduce_sum,"
        "sparse_add,sparse_concat,sparse_slice,sparse_reshape,sparse_split,"
        "sparse_retain,sparse_reorder,sparse_softmax,sparse_fill_empty_rows,sparse_matmul,"
        "sparse_merge,sparse_transpose,SparseTensorValue}",
        REWRITTEN, "tf.sparse",
    ),
    idiom(
        546, "axis under its old name",
        "tf.{reduce_sum,reduce_mean,reduce_max,reduce_min,reduce_prod,reduce_any,reduce_all,"
        "reduce_logsumexp}",
        REWRITTEN, "axis= and keepdims= of keras.ops", argument="reduction_indices",
    ),
    idiom(
        547, "axis kept under its old name",
        "tf.{reduce_sum,reduce_mean,reduce_max,reduce_min,reduce_prod,reduce_any,reduce_all,"
        "reduce_logsumexp}",
        REWRITTEN, "keepdims=", argument="keep_dims",
    ),
    idiom(
        548, "dimension under its old name",
        "tf.{argmax,argmin,expand_dims,concat,squeeze,one_hot} tf.nn.{softmax,log_softmax}",
        REWRITTEN, "axis=", argument="{dimension,dim,squeeze_dims,concat_dim}",
    ),
    idiom(
        549, "image op under its old name",
        "tf.image.{resize_images,resize_bilinear,resize_bicubic,resize_nearest_neighbor,resize_area,"
        "resize_image_with_crop_or_pad,resize_image_with_pad}",
        REWRITTEN, "keras.ops.image.resize: TF1's corners are not aligned as TF2's", "P97",
    ),
    idiom(
        550, "distribution", "tf.distributions.* tf.contrib.distributions.*", BY_HAND,
        "tensorflow_probability, or the formula", "", MEDIUM,
    ),
    idiom(
        551, "size of a dimension", "tf.{Dimension,dimension_value,dimension_at_index}", REWRITTEN,
        "an int, or None",
    ),
    idiom(
        552, "nested structure", "tf.contrib.framework.nest.*", REWRITTEN, "keras.tree",
    ),
]  # fmt: skip

ALL = [*LAYERS, *INITIALIZERS, *OPS]
